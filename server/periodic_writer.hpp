#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/this_coro.hpp>

#include "server/asio.hpp"
#include "server/store.hpp"

namespace holdfast::server {

/// Tells nobody what the writer does.
struct unwatched_writer {
  struct visit {
    void waits() const noexcept {}
    void granted() const noexcept {}
    void released() const noexcept {}
    void left() const noexcept {}
  };
  [[nodiscard]] visit asks(protocol::operation const&) const noexcept { return {}; }
};

/// How often the writer writes, which may change while it sleeps. One thread: the writer's. Outlives the writer.
template <class Timer>
class writer_pace {
 public:
  using duration = typename Timer::duration;

  /// @param period 0: not at all.
  explicit writer_pace(duration period) noexcept : period_(period) {}

  /// Takes effect at once: a writer that sleeps counts the new period from where it began to.
  void change(duration period) {
    period_ = period;
    if (sleeper_ != nullptr) sleeper_->cancel();
  }

  /// Sleeps until the period that began at `since` is over. @return false where that was cancelled from outside.
  awaitable<bool> sleep(Timer& timer, typename Timer::time_point since) {
    auto const cancellation = co_await asio::this_coro::cancellation_state;
    for (;;) {
      auto const due = period_ > duration(0) ? since + period_ : Timer::time_point::max();
      timer.expires_at(due);
      sleeper_ = &timer;
      auto [changed] = co_await timer.async_wait(as_values);
      sleeper_ = nullptr;
      if (cancellation.cancelled() != asio::cancellation_type::none) co_return false;
      if (!changed) co_return true;
    }
  }

  [[nodiscard]] bool is_on() const noexcept { return period_ > duration(0); }

 private:
  duration period_;
  Timer* sleeper_ = nullptr;
};

/// Every period takes the lock like anyone else and puts the milliseconds since `start` under `key`, until it is
/// cancelled. The value is read off the clock when the lock is granted, not when it is asked for, and the period counts
/// from the release: behind one reader that holds for a second it writes once a second.
/// @tparam Timer a waitable timer; a test gives one that runs on a virtual clock. `data` must outlive the coroutine.
/// @param watch is told of each request for the lock, as unwatched_writer is.
template <class Timer, class Guarded, class Watch = unwatched_writer>
awaitable<void> write_periodically(Guarded& data, std::string key, writer_pace<Timer>& pace,
                                   typename Timer::time_point start, Watch watch = {}) {
  using std::chrono::duration_cast, std::chrono::milliseconds;
  // A cancellation may cross a grant or the end of a sleep, which then succeed. It must end the loop all the same, and
  // not as an exception out of the next await.
  co_await asio::this_coro::throw_if_cancelled(false);
  auto const cancellation = co_await asio::this_coro::cancellation_state;
  Timer timer(co_await asio::this_coro::executor);
  protocol::operation put = protocol::put_operation{std::move(key), nullptr};
  if (!pace.is_on()) {
    auto const is_on = co_await pace.sleep(timer, start);
    if (!is_on) co_return;
  }
  for (;;) {
    {
      auto visit = watch.asks(put);
      auto lock = data.try_lock();
      if (!lock) {
        visit.waits();
        error_code not_granted;
        std::tie(not_granted, lock) = co_await data.async_lock(as_values);
        if (not_granted || cancellation.cancelled() != asio::cancellation_type::none) {
          visit.left();
          co_return;
        }
      }
      visit.granted();
      auto const elapsed_ms = duration_cast<milliseconds>(Timer::clock_type::now() - start).count();
      std::get<protocol::put_operation>(put).value = std::make_shared<std::string const>(std::to_string(elapsed_ms));
      // Named so that the value it replaces is freed after the release.
      auto const outcome = lock->apply(put);
      visit.released();
      lock.unlock();
    }
    auto const is_time = co_await pace.sleep(timer, Timer::clock_type::now());
    if (!is_time) co_return;
  }
}

/// Tells the store, where it counts among those who wait, and the recorder of the thread that it runs on.
class recorded_writer {
 public:
  /// Both must outlive it.
  recorded_writer(store& data, lock_recorder& recorder) noexcept : data_(&data), recorder_(&recorder) {}

  class visit {
   public:
    visit(store& data, lock_asker const& asker, std::string const& key)
        : data_(data), visit_(asker, key, lock_recorder::clock::now()) {}

    void waits() {
      place_.emplace(data_, false);
      visit_.stands_at(place_->position());
      visit_.waits();
    }
    void granted() {
      place_.reset();
      visit_.granted(lock_recorder::clock::now(), {});
    }
    void released() { visit_.released(lock_recorder::clock::now()); }
    void left() { visit_.left(lock_recorder::clock::now(), lock_outcome::cancelled); }

   private:
    store& data_;
    lock_visit visit_;
    std::optional<store::waiter_place> place_;
  };

  [[nodiscard]] visit asks(protocol::operation const& put) const {
    return {*data_, {recorder_, peer_address::writer(), lock_operation::put}, protocol::key_of(put)};
  }

 private:
  store* data_;
  lock_recorder* recorder_;
};

}  // namespace holdfast::server
