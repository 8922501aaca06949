#pragma once

#include <boost/asio/cancellation_signal.hpp>

namespace holdfast::server {

/// Why an operation that waits for the lock or holds it must end early.
enum class stop_reason { none, hang_up, drain };

/// The operation's current relation to the lock.
enum class lock_phase { none, waiting, holding };

/// Lets a session end the operation that it awaits. The first reason is kept. Used by the session's thread only.
class interruption {
 public:
  /// Cancels the current await. The operation must check why() before its next await.
  void stop(stop_reason why) {
    if (why_ == stop_reason::none) why_ = why;
    if (phase_ != lock_phase::none) signal_.emit(boost::asio::cancellation_type::total);
  }

  [[nodiscard]] stop_reason why() const noexcept { return why_; }
  [[nodiscard]] lock_phase phase() const noexcept { return phase_; }

  /// Used by the operation: marks one await, which is given slot().
  class phase_scope {
   public:
    phase_scope(interruption& whole, lock_phase phase) noexcept : whole_(whole) { whole_.phase_ = phase; }
    ~phase_scope() {
      whole_.phase_ = lock_phase::none;
      // The slot may still refer to the finished operation.
      whole_.signal_.slot().clear();
    }
    phase_scope(phase_scope const&) = delete;
    phase_scope& operator=(phase_scope const&) = delete;

    [[nodiscard]] boost::asio::cancellation_slot slot() const noexcept { return whole_.signal_.slot(); }

   private:
    interruption& whole_;
  };

 private:
  boost::asio::cancellation_signal signal_;
  stop_reason why_ = stop_reason::none;
  lock_phase phase_ = lock_phase::none;
};

}  // namespace holdfast::server
