#pragma once

#include <chrono>

#include "server/loop/event_loop.hpp"

namespace holdfast::server {

/// A time limit that is moved often and rarely reached, such as a connection's, which every request moves. Moving it
/// later or disarming it is a single store: the queued entry stays, and checks the new time when it becomes due.
/// on_deadline() is called up to `precision` late, never early, so that many connections share a wake-up. For the
/// loop's thread. The destructor removes it from the loop. It may outlive the loop only while disarmed.
class deadline : private timer_entry {
 public:
  using clock = event_loop::clock;
  static constexpr std::chrono::milliseconds precision{125};

  explicit deadline(event_loop& loop) noexcept : loop_(loop) {}

  /// Replaces the due time; time_point::max() means never.
  void arm(clock::time_point due) noexcept {
    due_ = due;
    auto& queue = loop_.timers();
    if (due == clock::time_point::max()) return;
    if (!timer_queue::contains(*this) || due < timer_queue::due_of(*this)) queue.insert(*this, rounded_up(due));
  }

  /// Cancels the deadline.
  void disarm() noexcept { due_ = clock::time_point::max(); }

 private:
  /// Called when the deadline has passed. May arm it again, and may destroy this or other deadlines.
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
