#pragma once

#include <chrono>

#include "server/loop/event_loop.hpp"

namespace holdfast::server {

/// A time limit that is moved again and again and hardly ever reached, as a connection's is by each request. So moving
/// it later, or calling it off, is a single store: it stays where it is queued, and is looked at again when that time
/// comes. It is called up to `precision` late, so that those of many connections share their wake-ups, and never early.
/// The loop's thread. It leaves the loop when it is destroyed; it may outlive the loop, but not be armed then.
class deadline : private timer_entry {
 public:
  using clock = event_loop::clock;
  static constexpr std::chrono::milliseconds precision{125};

  explicit deadline(event_loop& loop) noexcept : loop_(loop) {}

  /// Sets when it is due, in place of what was set before; time_point::max(): never.
  void arm(clock::time_point due) noexcept {
    due_ = due;
    auto& queue = loop_.timers();
    if (due == clock::time_point::max()) return;
    if (!timer_queue::contains(*this) || due < timer_queue::due_of(*this)) queue.insert(*this, rounded_up(due));
  }

  /// Calls it off.
  void disarm() noexcept { due_ = clock::time_point::max(); }

 private:
  /// The time is up. May arm it again, and may destroy it or others.
  virtual void on_deadline() = 0;

  void on_due(clock::time_point now) final {
    if (due_ > now) return arm(due_);
    on_deadline();
  }
  void on_loop_end() noexcept final {}

  static clock::time_point rounded_up(clock::time_point time) noexcept {
    auto const latest = clock::time_point::max() - precision;
    return time < latest ? clock::time_point(std::chrono::ceil<tick>(time.time_since_epoch())) : time;
  }
  using tick = std::chrono::duration<std::chrono::milliseconds::rep, std::ratio<125, 1000>>;
  static_assert(tick(1) == precision);

  event_loop& loop_;
  clock::time_point due_ = clock::time_point::max();
};

}  // namespace holdfast::server
