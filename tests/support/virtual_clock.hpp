#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/wait_traits.hpp>
#include <chrono>

namespace holdfast::tests {

/// A clock that stands still until a test moves it.
struct virtual_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<virtual_clock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept { return current; }
  static inline time_point current{};
};

/// Makes Asio look at virtual timers whenever it polls, instead of sleeping for virtual time.
struct poll_at_once {
  static virtual_clock::duration to_wait_duration(virtual_clock::duration) { return {}; }
  static virtual_clock::duration to_wait_duration(virtual_clock::time_point) { return {}; }
};

using virtual_timer =
    boost::asio::basic_waitable_timer<virtual_clock, poll_at_once, boost::asio::io_context::executor_type>;

/// Runs all that is ready, moves the clock by a millisecond, and again, until `time` has passed.
inline void run_virtually(boost::asio::io_context& io, std::chrono::milliseconds time) {
  auto const end = virtual_clock::current + time;
  for (;;) {
    while (io.poll() != 0) {
    }
    if (io.stopped() || virtual_clock::current >= end) return;
    virtual_clock::current += std::chrono::milliseconds(1);
  }
}

}  // namespace holdfast::tests
