#pragma once

#include <boost/asio/cancellation_signal.hpp>

namespace holdfast::server {

/// Why an operation that waits for the lock or holds it is to end early.
enum class stop_reason { none, hang_up, drain };

/// What an operation is doing with the lock.
enum class lock_phase { none, waiting, holding };

/// The handle by which a session ends the operation that it awaits. The first reason stays. One thread: the session's.
class interruption {
 public:
  /// Ends what is awaited now; what would be awaited later must look at why() first.
  void stop(stop_reason why) {
    if (why_ == stop_reason::none) why_ = why;
    if (phase_ != lock_phase::none) signal_.emit(boost::asio::cancellation_type::total);
  }

  [[nodiscard]] stop_reason why() const noexcept { return why_; }
  [[nodiscard]] lock_phase phase() const noexcept { return phase_; }

  /// The operation's side: stands for one await, which is given slot().
  class phase_scope {
   public:
    phase_scope(interruption& whole, lock_phase phase) noexcept : whole_(whole) { whole_.phase_ = phase; }
    ~phase_scope() {
      whole_.phase_ = lock_phase::none;
      // What the finished operation has left in the slot refers to the operation.
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
