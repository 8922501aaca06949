#pragma once
#include <cstdint>
#include <holdfast/sync/detail/instrument.hpp>
#include <holdfast/sync/detail/lock_core.hpp>

namespace holdfast::sync::detail {

struct context_link;
class context_service;

/// An operation that waits for a lock, as the lock sees it. Whoever takes it out of the queue calls, outside the
/// internal lock, exactly one of grant(), abort() and discard(), or, for a function, run() and then finish(). After
/// that neither the waiter nor the lock may be touched, because the waiter may already have run, released and destroyed
/// both.
class waiter : public queue_node<std_atomics> {
 public:
  explicit waiter(bool is_a_function = false) noexcept : is_function(is_a_function) {}

  /// The waiter owns the lock now: let it know on its executor.
  virtual void grant() noexcept = 0;

  /// The waiter never owns the lock, because the lock is going: let it know on its executor.
  virtual void abort() noexcept = 0;

  /// The waiter's execution context is being destroyed: destroy the waiter, its completion is never called.
  virtual void discard() noexcept = 0;

  /// Runs the waiter's function on this thread, as the owner.
  virtual void run() noexcept {}

  /// The function has run and the lock is passed on: let the waiter know on its executor.
  virtual void finish() noexcept {}

  /// The same for this waiter and those behind it, all of one context and with finishes_together(): one post takes them
  /// there, and from there each is let know as by finish().
  virtual void finish_all() noexcept {}

  /// Whether the executor is its context's plain one, for which any other such executor of the context can stand in.
  virtual bool finishes_together() const noexcept { return false; }

  /// Whether the calling thread is running the waiter's execution context, which therefore can't be destroyed
  /// meanwhile.
  virtual bool context_runs_here() const noexcept = 0;

  bool const is_function;
  context_link* link = nullptr;           // set before the waiter is queued, constant afterwards; null: context unknown
  context_service* delivering = nullptr;  // see `delivery`

 protected:
  ~waiter() = default;
};

/// A waiter with what the lock's instrumentation wants to remember of it.
template <class Policy>
class waiter_of : public waiter {
 public:
  using waiter::waiter;
  [[no_unique_address]] typename instrument<Policy>::ticket ticket{};

 protected:
  ~waiter_of() = default;
};

}  // namespace holdfast::sync::detail
