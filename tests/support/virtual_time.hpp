#pragma once

#include <chrono>

#include "server/loop/event_loop.hpp"

namespace holdfast::tests {

/// A loop whose clock stands still until a test moves it.
class virtual_time {
 public:
  virtual_time() { loop.set_time(now_); }

  [[nodiscard]] server::event_loop::clock::time_point now() const noexcept { return now_; }

  /// Runs all that is ready, moves the clock by a millisecond, and again, until `time` has passed.
  void run(std::chrono::milliseconds time) {
    auto const end = now_ + time;
    loop.poll();
    while (now_ < end) {
      skip(std::chrono::milliseconds(1));
      loop.poll();
    }
  }

  /// Moves the clock, and runs nothing.
  void skip(std::chrono::milliseconds time) { loop.set_time(now_ += time); }

  server::event_loop loop;

 private:
  server::event_loop::clock::time_point now_{std::chrono::hours(1)};
};

}  // namespace holdfast::tests
