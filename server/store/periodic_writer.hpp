#pragma once

#include <chrono>
#include <string>

#include "server/insight/lock_recorder.hpp"
#include "server/loop/asio.hpp"
#include "server/loop/interruption.hpp"
#include "server/loop/timer.hpp"
#include "server/store/store.hpp"

namespace holdfast::server {

/// Every period takes the lock like anyone else and puts the milliseconds since `start` under `key`. The value is read
/// off the clock when the lock is granted, not when it is asked for, and the period counts from the release: behind one
/// reader that holds for a second it writes once a second. Waits also where no request would be let into the queue. On
/// the loop's thread.
class periodic_writer {
 public:
  using clock = event_loop::clock;

  /// @param period 0: doesn't write. @param recorder of the loop's thread; null: nobody watches. The loop and the store
  /// must outlive it.
  periodic_writer(event_loop& loop, store& data, std::string key, std::chrono::nanoseconds period,
                  clock::time_point start, lock_recorder* recorder = nullptr);

  /// Writes until stop(), from now on. Call once; must outlive the await.
  awaitable<void> run();

  /// Ends run(), also when it waits for the lock.
  void stop();

  /// Takes effect at once: a writer that sleeps counts the new period from where it began to.
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
