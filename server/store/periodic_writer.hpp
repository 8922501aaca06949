#pragma once

#include <chrono>
#include <string>

#include "server/insight/lock_recorder.hpp"
#include "server/loop/asio.hpp"
#include "server/loop/interruption.hpp"
#include "server/loop/timer.hpp"
#include "server/store/store.hpp"

namespace holdfast::server {

/// Once per period, acquires the lock like any client and stores the milliseconds since `start` under `key`. The time
/// is read when the lock is granted, not when it is requested, and the period begins at the release: behind a reader
/// that always holds for one second it writes once a second. It waits even if requests would be refused because the
/// queue is full. Runs on the loop's thread.
class periodic_writer {
 public:
  using clock = event_loop::clock;

  /// @param period 0: no writes. @param recorder of the loop's thread; null: no recording. The loop and the store must
  /// outlive it.
  periodic_writer(event_loop& loop, store& data, std::string key, std::chrono::nanoseconds period,
                  clock::time_point start, lock_recorder* recorder = nullptr);

  /// Writes until stop(). Call once; must outlive the await.
  awaitable<void> run();

  /// Ends run(), even while it waits for the lock.
  void stop();

  /// Takes effect at once: a sleeping writer counts the new period from the beginning of its sleep.
  void change(std::chrono::nanoseconds period);

 private:
  [[nodiscard]] bool is_stopped() const noexcept { return stop_.why() != stop_reason::none; }
  awaitable<void> sleep(clock::time_point since);

  store& data_;
  std::string const key_;
  std::chrono::nanoseconds period_;
  clock::time_point const start_;
  lock_asker const asker_;
  timer pause_;
  interruption stop_;
};

}  // namespace holdfast::server
