#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/this_coro.hpp>

#include "server/asio.hpp"
#include "server/store.hpp"

namespace holdfast::server {

/// Every `period` takes the lock like anyone else and puts the milliseconds since `start` under `key`, until it is
/// cancelled. The value is read off the clock when the lock is granted, not when it is asked for, and the period counts
/// from the release: behind one reader that holds for a second it writes once a second.
/// @tparam Timer a waitable timer; a test gives one that runs on a virtual clock. `data` must outlive the coroutine.
template <class Timer, class Guarded>
awaitable<void> write_periodically(Guarded& data, std::string key, typename Timer::duration period,
                                   typename Timer::time_point start) {
  using std::chrono::duration_cast, std::chrono::milliseconds;
  // A cancellation may cross a grant or the end of a sleep, which then succeed. It must end the loop all the same, and
  // not as an exception out of the next await.
  co_await asio::this_coro::throw_if_cancelled(false);
  auto const cancellation = co_await asio::this_coro::cancellation_state;
  Timer timer(co_await asio::this_coro::executor);
  protocol::operation put = protocol::put_operation{std::move(key), nullptr};
  for (;;) {
    auto [not_granted, lock] = co_await data.async_lock(as_values);
    if (not_granted || cancellation.cancelled() != asio::cancellation_type::none) co_return;
    auto const elapsed_ms = duration_cast<milliseconds>(Timer::clock_type::now() - start).count();
    std::get<protocol::put_operation>(put).value = std::make_shared<std::string const>(std::to_string(elapsed_ms));
    // Named so that the value it replaces is freed after the release.
    auto const outcome = lock->apply(put);
    lock.unlock();

    timer.expires_after(period);
    auto [interrupted] = co_await timer.async_wait(as_values);
    if (interrupted || cancellation.cancelled() != asio::cancellation_type::none) co_return;
  }
}

}  // namespace holdfast::server
