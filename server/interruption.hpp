#pragma once

#include <boost/asio/cancellation_signal.hpp>

namespace holdfast::server {

/// Why an operation that waits for the lock or holds it is to end early.
enum class stop_reason { none, hang_up, drain };

/// The handle by which a session ends the operation that it awaits. The first reason stays until reset().
/// One thread: the session's.
class interruption {
 public:
  void stop(stop_reason why) {
    if (why_ == stop_reason::none) why_ = why;
    signal_.emit(boost::asio::cancellation_type::total);
  }

  [[nodiscard]] stop_reason why() const noexcept { return why_; }
  [[nodiscard]] boost::asio::cancellation_slot slot() noexcept { return signal_.slot(); }
  void reset() noexcept { why_ = stop_reason::none; }

 private:
  boost::asio::cancellation_signal signal_;
  stop_reason why_ = stop_reason::none;
};

}  // namespace holdfast::server
