#pragma once

#include <utility>

namespace holdfast::server {

/// Work that a loop does once, on its thread. It is its own queue node, so queueing cannot fail.
class loop_operation {
 public:
  /// Does the work and frees the operation, in any order.
  /// @param run false if the loop is being destroyed: only free the operation.
  using finish_function = void (*)(loop_operation& self, bool run);

  explicit loop_operation(finish_function how) noexcept : finish_(how) {}
  loop_operation(loop_operation const&) = delete;
  loop_operation& operator=(loop_operation const&) = delete;

  void finish(bool run) { finish_(*this, run); }

 protected:
  ~loop_operation() = default;

 private:
  friend class operation_queue;
  friend class operation_inbox;

  loop_operation* next_ = nullptr;
  finish_function finish_;
};

/// A FIFO queue of operations. Single-threaded.
class operation_queue {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

  void push(loop_operation& one) noexcept {
    one.next_ = nullptr;
    (first_ != nullptr ? last_->next_ : first_) = &one;
    last_ = &one;
  }

  /// @return the oldest operation, or null if the queue is empty.
  loop_operation* pop() noexcept { return first_ != nullptr ? std::exchange(first_, first_->next_) : nullptr; }

 private:
  loop_operation* first_ = nullptr;
  loop_operation* last_ = nullptr;  // unspecified while the queue is empty
};

}  // namespace holdfast::server
