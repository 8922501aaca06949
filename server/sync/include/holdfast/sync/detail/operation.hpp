#pragma once
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <holdfast/sync/detail/context_link.hpp>
#include <holdfast/sync/detail/posting.hpp>
#include <holdfast/sync/detail/waiter.hpp>
#include <memory>
#include <utility>

namespace holdfast::sync::detail {

/// A handler that keeps its executor busy by itself: nobody has to count its waiting as outstanding work.
template <class Handler>
concept keeps_its_executor_busy = requires { requires Handler::keeps_its_executor_busy; };

/// An allocator with room for the operation and for nothing else: what an executor remembers has to live elsewhere.
template <class Allocator>
concept serves_the_operation_alone = requires { requires Allocator::serves_the_operation_alone; };

template <class Handler>
struct handler_work {
  explicit handler_work(Handler const& handler) : guard(boost::asio::get_associated_executor(handler)) {}
  boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler>> guard;
};
template <keeps_its_executor_busy Handler>
struct handler_work<Handler> {
  explicit handler_work(Handler const&) {}
};

/// What all operations on a lock have in common: a handler with its executor, allocator and cancellation slot, from the
/// initiation until the handler is called or destroyed.
///
/// The object never moves, and it is destroyed, its memory given back, before the handler is called. It is touched by
/// the waiter's executor (initiation, cancellation, timer, completion) and by whoever takes it out of the queue; the
/// queue's internal lock decides between them, and the winner alone goes on.
///
/// `Derived` has
///   complete()           on the handler's executor: destroy() and call the handler
///   drop()               instead of complete() if the executor never gets there; must not throw
///   cancel()             the slot's signal was emitted
template <class Derived, class Policy, class Handler>
class operation : public waiter_of<Policy> {
 public:
  using executor_type = boost::asio::associated_executor_t<Handler>;
  using handler_allocator = boost::asio::associated_allocator_t<Handler, boost::asio::recycling_allocator<void>>;

  // Called under the internal lock, so the handler is asked for its executor only if that is known to be harmless.
  bool context_runs_here() const noexcept final {
    if constexpr (is_context_executor<executor_type>) {
      return executor().running_in_this_thread();
    } else {
      return false;
    }
  }

  /// Owns an operation that nobody else can reach. Called once: completes it. Destroyed before: drops it.
  struct holder {
    explicit holder(Derived* o) noexcept : operation(o) {}
    holder(holder&& other) noexcept : operation(std::exchange(other.operation, nullptr)) {}
    holder& operator=(holder&&) = delete;
    ~holder() {
      if (operation) operation->drop();
    }
    void operator()() { std::exchange(operation, nullptr)->complete(); }
    Derived* release() noexcept { return std::exchange(operation, nullptr); }
    Derived* operator->() const noexcept { return operation; }
    Derived* operation;
  };

  template <class... Args>
  static holder create(Handler&& handler, Args&&... args) {
    auto allocator = allocator_of(handler);
    Derived* const memory = std::to_address(std::allocator_traits<decltype(allocator)>::allocate(allocator, 1));
    try {
      return holder(::new (static_cast<void*>(memory)) Derived(std::move(handler), std::forward<Args>(args)...));
    } catch (...) {
      std::allocator_traits<decltype(allocator)>::deallocate(allocator, memory, 1);
      throw;
    }
  }

 protected:
  operation(Handler&& handler, bool runs_a_function)
      : waiter_of<Policy>(runs_a_function), handler_(std::move(handler)), work_(handler_) {}
  ~operation() = default;

  executor_type executor() const noexcept { return boost::asio::get_associated_executor(handler_); }

  /// Before the operation is queued. `Lock` has link(context). False: the context is being destroyed, and the operation
  /// is to be dropped, as the context drops whatever it is given now.
  template <class Lock>
  [[nodiscard]] bool prepare(Lock& lock) {
    if (auto* const context = context_of(executor())) {
      this->link = lock.link(*context);
      if (!this->link) return false;
    }
    auto slot = boost::asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) canceller_ = &slot.template emplace<canceller>(&derived());
    return true;
  }

  /// Lets complete() be called on the executor. The operation may be gone before this returns.
  void post() { post(holder(&derived())); }

  /// Lets `function` be called on the executor, with the memory of post().
  template <class Function>
  void post(Function&& function) {
    auto const target = executor();
    if constexpr (serves_the_operation_alone<handler_allocator>) {
      post_to(target, memory_, boost::asio::recycling_allocator<void>(), std::forward<Function>(function));
    } else {
      auto const allocator = boost::asio::get_associated_allocator(handler_, boost::asio::recycling_allocator<void>());
      post_to(target, memory_, allocator, std::forward<Function>(function));
    }
  }

  // An executor that can't take the completion (out of memory, say) has dropped the operation, which passes the lock
  // on.
  void post_noexcept() noexcept {
    try {
      post();
    } catch (...) {
    }
  }

  /// Ends the operation; what is left of it is its handler.
  Handler destroy() noexcept {
    if (canceller_) canceller_->detach();
    Handler handler(std::move(handler_));
    auto allocator = allocator_of(handler);
    Derived* const self = &derived();
    self->~Derived();
    std::allocator_traits<decltype(allocator)>::deallocate(allocator, self, 1);
    return handler;
  }

 private:
  /// Lives in the cancellation slot; either end may go first. Both are used on the waiter's executor only.
  class canceller {
   public:
    explicit canceller(Derived* operation) : operation_(operation) {}
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
    Derived* operation_;
  };

  static auto allocator_of(Handler const& handler) noexcept {
    using allocator_type = typename std::allocator_traits<handler_allocator>::template rebind_alloc<Derived>;
    return allocator_type(boost::asio::get_associated_allocator(handler, boost::asio::recycling_allocator<void>()));
  }
  Derived& derived() noexcept { return static_cast<Derived&>(*this); }

  Handler handler_;
  [[no_unique_address]] handler_work<Handler> work_;
  canceller* canceller_ = nullptr;
  [[no_unique_address]] posting_memory_for<executor_type> memory_;
};

}  // namespace holdfast::sync::detail
