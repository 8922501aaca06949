// Uses everything that the library offers, with either Asio. Prints what came of it.
#ifdef HOLDFAST_SYNC_STANDALONE_ASIO
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#else
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#endif
#include <cstdio>
#include <deque>
#include <holdfast/sync/condition_variable.hpp>
#include <holdfast/sync/event.hpp>
#include <holdfast/sync/executor_traits.hpp>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/lock_all.hpp>
#include <holdfast/sync/mutex.hpp>
#include <holdfast/sync/owned_lock.hpp>
#include <holdfast/sync/semaphore.hpp>
#include <holdfast/sync/shared_guarded.hpp>
#include <holdfast/sync/shared_mutex.hpp>
#include <memory>

namespace locks = holdfast::sync;
#ifndef HOLDFAST_SYNC_STANDALONE_ASIO
namespace asio = boost::asio;
#endif

struct everything {
  locks::guarded<std::deque<int>> numbers;
  locks::condition_variable changed;
  locks::semaphore places{1};
  locks::event begun;
  locks::mutex mutex;
  locks::shared_guarded<int> sum{0};
  std::shared_ptr<locks::guarded<int>> calls = std::make_shared<locks::guarded<int>>(0);
};

asio::awaitable<void> put(everything& all) {
  co_await all.begun.async_wait(asio::use_awaitable);
  for (int i = 1; i <= 100; ++i) {
    auto numbers = co_await all.numbers.async_lock();
    numbers->push_back(i);
    all.changed.notify_one();
  }
}

asio::awaitable<void> take(everything& all) {
  for (int i = 0; i < 50; ++i) {
    co_await all.places.async_acquire();
    auto numbers = co_await all.numbers.async_lock(asio::use_awaitable);
    auto const& waiting = *numbers;
    auto some = [&waiting] { return !waiting.empty(); };
    co_await all.changed.async_wait(numbers, some);
    int const number = numbers->front();
    numbers->pop_front();
    numbers.unlock();
    all.places.release();
    auto [held, sum] = co_await locks::async_lock_all(all.mutex, all.sum);
    *sum += number;
    auto const seen = sum.downgrade();
    auto const calls = co_await locks::async_lock_owned(all.calls);
    ++*calls;
  }
}

asio::awaitable<void> begin(everything& all) {
  auto add = [](int& calls) { return ++calls; };
  if (co_await all.calls->async_run(add) == 1) all.begun.set();
}

int main() {
  asio::io_context context;
  everything all;
  asio::co_spawn(context, take(all), asio::detached);
  asio::co_spawn(context, take(all), asio::detached);
  asio::co_spawn(context, put(all), asio::detached);
  asio::co_spawn(context, begin(all), asio::detached);
  context.run();
  std::printf("%d %d\n", *all.sum.try_lock_shared(), *all.calls->try_lock());
}
