#pragma once
#include <boost/system/error_code.hpp>
#include <holdfast/sync/detail/lock_core.hpp>

namespace holdfast::sync::detail {

struct context_link;

/// An operation that waits for a lock, as the lock sees it. Exactly one of grant(), fail() and discard() is called, by
/// whoever took the waiter out of the queue, outside the internal lock; after that neither the waiter nor the mutex may
/// be touched, because the waiter may already have run, released and destroyed both.
class waiter : public queue_node<std_atomics> {
 public:
  /// The waiter owns the lock now: let it know on its executor.
  virtual void grant() noexcept = 0;

  /// The waiter never owns the lock: let it know on its executor.
  virtual void fail(boost::system::error_code error) noexcept = 0;

  /// The waiter's execution context is being destroyed: destroy the waiter, its completion is never called.
  virtual void discard() noexcept = 0;

  /// Whether the calling thread is running the waiter's execution context, which therefore can't be destroyed
  /// meanwhile.
  virtual bool context_runs_here() const noexcept = 0;

  context_link* link = nullptr;  // set before the waiter is queued, constant afterwards; null: context unknown

 protected:
  ~waiter() = default;
};

}  // namespace holdfast::sync::detail
