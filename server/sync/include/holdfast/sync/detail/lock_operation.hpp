#pragma once
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <holdfast/sync/detail/context_link.hpp>
#include <holdfast/sync/detail/posting.hpp>
#include <holdfast/sync/detail/timeout.hpp>
#include <holdfast/sync/detail/waiter.hpp>
#include <memory>
#include <utility>

namespace holdfast::sync::detail {

/// One async_lock() with a completion handler, from its initiation until the handler is called or destroyed.
///
/// `Access` is a small copyable object that knows the lock and the way in which it is wanted:
///   result_type                   what the handler gets
///   acquire_or_enqueue(waiter&)   true: acquired
///   withdraw(waiter&)             true: taken out of the queue
///   link(context)                 the lock's link to an execution context
///   take_charge()                 ownership is now this object's business, until deliver() or release()
///   deliver()                     what the handler gets; owns nothing if the lock was destroyed meanwhile
///   release()                     passes on what could not be delivered
///   forget()                      the lock is of no more concern, and may be destroyed
///
/// The object never moves, and it is destroyed, its memory given back, before the handler is called. It is touched by
/// the waiter's executor (initiation, cancellation, timer, completion) and by whoever takes it out of the queue; the
/// queue's internal lock decides between them, and the winner alone goes on.
template <class Access, class Deadline, class Handler>
class lock_operation final : public waiter {
  using executor_type = boost::asio::associated_executor_t<Handler>;
  using handler_allocator = boost::asio::associated_allocator_t<Handler, boost::asio::recycling_allocator<void>>;
  using allocator_type = typename std::allocator_traits<handler_allocator>::template rebind_alloc<lock_operation>;
  using allocator_traits = std::allocator_traits<allocator_type>;

 public:
  template <class AnyHandler>
  static void start(Access const& access, Deadline const& deadline, AnyHandler&& any_handler) {
    Handler handler(std::forward<AnyHandler>(any_handler));
    allocator_type allocator(boost::asio::get_associated_allocator(handler, boost::asio::recycling_allocator<void>()));
    lock_operation* const memory = std::to_address(allocator_traits::allocate(allocator, 1));
    lock_operation* self = nullptr;
    try {
      self = ::new (static_cast<void*>(memory)) lock_operation(access, std::move(handler));
    } catch (...) {
      allocator_traits::deallocate(allocator, memory, 1);
      throw;
    }
    holder owned(self);
    self->prepare();
    bool const acquired = self->timeout_.arm_around(deadline, self->work_.get_executor(), *self,
                                                    [self] { return self->access_.acquire_or_enqueue(*self); });
    owned.operation = nullptr;  // whoever takes it out of the queue destroys it
    if (acquired) {
      self->become_owner();
      self->post_completion();
    }
  }

  void grant() noexcept override {
    become_owner();
    post_completion_noexcept();
  }

  void fail(boost::system::error_code error) noexcept override {
    timeout_.forget();
    access_.forget();
    error_ = error;
    post_completion_noexcept();
  }

  void discard() noexcept override {
    timeout_.forget();
    drop();
  }

  bool context_runs_here() const noexcept override { return runs_here(work_.get_executor()); }

  /// By the timer, on the waiter's executor, while grant() and fail() are kept waiting. True: finish_expired() follows.
  bool expire() noexcept { return access_.withdraw(*this); }

  void finish_expired() {
    error_ = boost::asio::error::timed_out;
    complete();
  }

 private:
  /// Lives in the cancellation slot; either end may go first. Both are used on the waiter's executor only.
  class canceller {
   public:
    explicit canceller(lock_operation* operation) : operation_(operation) {}
    canceller(canceller const&) = delete;
    canceller& operator=(canceller const&) = delete;
    ~canceller() {
      if (operation_) operation_->canceller_ = nullptr;
    }
    void operator()(boost::asio::cancellation_type type) {
      using boost::asio::cancellation_type;
      bool const wanted =
          (type & (cancellation_type::total | cancellation_type::partial | cancellation_type::terminal)) !=
          cancellation_type::none;
      if (wanted && operation_) operation_->cancel();
    }
    void detach() { operation_ = nullptr; }

   private:
    lock_operation* operation_;
  };

  /// Called once: completes. Destroyed before: passes on what was granted.
  struct holder {
    explicit holder(lock_operation* o) noexcept : operation(o) {}
    holder(holder&& other) noexcept : operation(std::exchange(other.operation, nullptr)) {}
    holder& operator=(holder&&) = delete;
    ~holder() {
      if (operation) operation->drop();
    }
    void operator()() { std::exchange(operation, nullptr)->complete(); }
    lock_operation* operation;
  };

  lock_operation(Access const& access, Handler&& handler)
      : access_(access), handler_(std::move(handler)), work_(boost::asio::get_associated_executor(handler_)) {}
  ~lock_operation() = default;

  void prepare() {
    if (auto* const context = context_of(work_.get_executor())) link = access_.link(*context);
    auto slot = boost::asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) canceller_ = &slot.template emplace<canceller>(this);
  }

  void cancel() {
    if (access_.withdraw(*this)) fail(boost::asio::error::operation_aborted);
  }

  void become_owner() noexcept {
    timeout_.forget();
    granted_ = true;
    access_.take_charge();
  }

  void post_completion() {
    auto const executor = work_.get_executor();  // the operation may be gone before execute() returns
    post_to(executor, memory_,
            boost::asio::get_associated_allocator(handler_, boost::asio::recycling_allocator<void>()), holder(this));
  }

  // An executor that can't take the completion (out of memory, say) has destroyed it, which passed the lock on.
  void post_completion_noexcept() noexcept {
    try {
      post_completion();
    } catch (...) {
    }
  }

  void complete() {
    Access access = access_;
    boost::system::error_code error = error_;
    auto result = granted_ ? access.deliver() : typename Access::result_type();
    if (granted_ && !result) error = boost::asio::error::operation_aborted;
    Handler handler = destroy();
    std::move(handler)(error, std::move(result));
  }

  void drop() noexcept {
    Access access = access_;
    // Before the handler goes, since that may destroy whatever keeps the lock alive.
    if (granted_) access.release();
    [[maybe_unused]] Handler handler = destroy();
  }

  Handler destroy() {
    if (canceller_) canceller_->detach();
    timeout_.stop();
    Handler handler(std::move(handler_));
    allocator_type allocator(boost::asio::get_associated_allocator(handler, boost::asio::recycling_allocator<void>()));
    this->~lock_operation();
    allocator_traits::deallocate(allocator, this, 1);
    return handler;
  }

  Access access_;
  Handler handler_;
  boost::asio::executor_work_guard<executor_type> work_;
  canceller* canceller_ = nullptr;
  boost::system::error_code error_;
  bool granted_ = false;
  [[no_unique_address]] timeout<Deadline, lock_operation, executor_type> timeout_;
  [[no_unique_address]] posting_memory_for<executor_type> memory_;
};

/// The initiation of async_lock(): what Asio's completion tokens call.
template <class Access, class Deadline>
struct initiate_lock {
  Access access;
  [[no_unique_address]] Deadline deadline;

  template <class Handler>
  void operator()(Handler&& handler) const {
    lock_operation<Access, Deadline, std::decay_t<Handler>>::start(access, deadline, std::forward<Handler>(handler));
  }
};

}  // namespace holdfast::sync::detail
