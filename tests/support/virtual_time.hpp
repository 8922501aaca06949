#pragma once

#include <chrono>

#include "server/loop/event_loop.hpp"

namespace holdfast::tests {

/// A loop whose clock moves only when a test moves it.
class virtual_time {
 public:
  virtual_time() { loop.set_time(now_); }

  [[nodiscard]] server::event_loop::clock::time_point now() const noexcept { return now_; }

  /// Runs everything that is ready, then advances the clock by a millisecond, repeatedly until `time` has passed.
  void run(std::chrono::milliseconds time) {
    auto const end = now_ + time;
    loop.poll();
    while (now_ < end) {
      skip(std::chrono::milliseconds(1));
      loop.poll();
    }
  }

  /// Advances the clock without running anything.
  void skip(std::chrono::milliseconds time) { loop.set_time(now_ += time); }

  server::event_loop loop;

 private:
  server::event_loop::clock::time_point now_{std::chrono::hours(1)};
};

}  // namespace holdfast::tests
