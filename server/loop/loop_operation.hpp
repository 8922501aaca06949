#pragma once

#include <utility>

namespace holdfast::server {

/// Something that a loop does once, on its thread. It is its own link in the loop's queues, so that queueing can't
/// fail.
class loop_operation {
 public:
  /// Frees the operation, and before that or after that does its work.
  /// @param run false: the loop is being destroyed; free the operation and do nothing else.
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

/// Operations in the order in which they came. One thread.
class operation_queue {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

  void push(loop_operation& one) noexcept {
    one.next_ = nullptr;
    (first_ != nullptr ? last_->next_ : first_) = &one;
    last_ = &one;
  }

  /// @return the oldest, null where there is none.
  loop_operation* pop() noexcept { return first_ != nullptr ? std::exchange(first_, first_->next_) : nullptr; }

 private:
  loop_operation* first_ = nullptr;
  loop_operation* last_ = nullptr;  // meaningless while empty
};

}  // namespace holdfast::server
