#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/version.hpp>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <holdfast/sync/detail/fairness.hpp>
#include <holdfast/sync/detail/pending_operation.hpp>
#include <holdfast/sync/detail/posting.hpp>
#include <holdfast/sync/detail/standing_aside.hpp>
#include <memory>
#include <tuple>
#include <utility>

/// Awaiting a lock without suspension if it is free, and without allocation if it is not.
///
/// Asio's awaiter for asynchronous operations always suspends and allocates what waits on the side. It can't be
/// replaced from outside, so for our own operations we specialize it. It is an internal class of Asio: the
/// specialization is used with the versions it was written against and left out with others, or if
/// HOLDFAST_SYNC_PORTABLE is defined; then Asio's own awaiter does the same, slower.
#if !defined(HOLDFAST_SYNC_PORTABLE) && BOOST_VERSION >= 108100 && BOOST_VERSION < 108200
#define HOLDFAST_SYNC_HAS_AWAITER 1

namespace holdfast::sync::detail {

/// Hands out the room in the coroutine's frame, once.
template <class T>
class frame_allocator {
 public:
  using value_type = T;
  static constexpr bool serves_the_operation_alone = true;

  explicit frame_allocator(void* room) noexcept : room_(room) {}
  template <class U>
  frame_allocator(frame_allocator<U> const& other) noexcept : room_(other.room()) {}
  T* allocate(std::size_t) noexcept { return static_cast<T*>(room_); }
  void deallocate(T*, std::size_t) noexcept {}
  void* room() const noexcept { return room_; }
  template <class U>
  bool operator==(frame_allocator<U> const& other) const noexcept {
    return room_ == other.room();
  }

 private:
  void* room_;
};

/// Where a suspended coroutine gets its result from: the arguments of its handler, on the stack of who resumes it.
template <class Tuple>
struct frame_result {
  Tuple* values = nullptr;
  void* room = nullptr;
};

template <class Tuple>
struct resumes_with {};  // names our specialization of Asio's handler

inline void throw_failure(boost::system::error_code const& error) {
  if (error) throw boost::system::system_error(error);
}
inline void throw_failure(std::exception_ptr const& error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace holdfast::sync::detail

namespace boost::asio::detail {

/// Resumes a coroutine that awaits one of our operations.
template <class Tuple, class Executor>
class awaitable_async_op_handler<holdfast::sync::detail::resumes_with<Tuple>, Executor>
    : public awaitable_thread<Executor> {
 public:
  using allocator_type = holdfast::sync::detail::frame_allocator<void>;
  static constexpr bool keeps_its_executor_busy = true;  // co_spawn() does, as long as the coroutine lives

  awaitable_async_op_handler(awaitable_thread<Executor>* coroutine, holdfast::sync::detail::frame_result<Tuple>& result)
      : awaitable_thread<Executor>(std::move(*coroutine)), result_(&result) {}

  allocator_type get_allocator() const noexcept { return allocator_type(result_->room); }

  template <class... Args>
  void operator()(Args&&... args) {
    Tuple values(std::forward<Args>(args)...);
    result_->values = &values;
    holdfast::sync::detail::has_been_suspended();
    this->entry_point()->top_of_stack_->attach_thread(this);
    this->entry_point()->top_of_stack_->clear_cancellation_slot();
    this->pump();
  }

 private:
  holdfast::sync::detail::frame_result<Tuple>* result_;
};

template <class AwaitSignature, class Initiation, class Signature, bool as_tuple, class Executor>
class awaitable_async_op<AwaitSignature, holdfast::sync::detail::pending_operation<Initiation, Signature, as_tuple>,
                         Executor> {
  using operation_type = holdfast::sync::detail::pending_operation<Initiation, Signature, as_tuple>;
  using tuple_type = typename holdfast::sync::detail::signature_tuple<Signature>::type;

 public:
  using handler_type = awaitable_async_op_handler<holdfast::sync::detail::resumes_with<tuple_type>, Executor>;

  awaitable_async_op(operation_type&& pending, awaitable_frame_base<Executor>* frame)
      : initiation_(pending.initiation()), frame_(frame) {}
  awaitable_async_op(awaitable_async_op const&) = delete;
  awaitable_async_op& operator=(awaitable_async_op const&) = delete;

  bool await_ready() noexcept {
    if (!initiation_.is_free()) return false;
    lets_others_run_ = !holdfast::sync::detail::may_go_on();
    return !lets_others_run_ && initiation_.try_now();
  }

  void await_suspend(std::coroutine_handle<>) noexcept {
    frame_->after_suspend([](void* self) { static_cast<awaitable_async_op*>(self)->start(); }, this);
  }

  auto await_resume() {
    if (!result_.values) {
      if constexpr (as_tuple) {
        return initiation_.take_tuple();
      } else {
        return initiation_.take();
      }
    } else {
      if constexpr (as_tuple) {
        return tuple_type(std::move(*result_.values));
      } else {
        holdfast::sync::detail::throw_failure(std::get<0>(*result_.values));
        if constexpr (std::tuple_size_v<tuple_type> > 1) {
          return std::tuple_element_t<1, tuple_type>(std::move(std::get<1>(*result_.values)));
        }
      }
    }
  }

 private:
  using waiting_operation = typename Initiation::template operation_type<handler_type>;

  void start() {
    result_.room = room_;
    handler_type handler(frame_->detach_thread(), result_);
    if (lets_others_run_) {
      let_others_run(std::move(handler));
    } else {
      initiation_(std::move(handler));
    }
  }

  /// At the end of the executor's queue, and only then does the coroutine ask for the lock.
  struct turn_of_others {
    void operator()() {
      holdfast::sync::detail::has_been_suspended();
      bool const lock_exists = aside.step_back();
      handler_type handler(std::move(waiting));
      if (!lock_exists || handler.get_cancellation_state().cancelled() != cancelled_before) {
        std::apply(handler, aborted());
      } else {
        awaiter->initiation_(std::move(handler));
      }
    }
    awaitable_async_op* awaiter;
    cancellation_type cancelled_before;  // who goes on nevertheless is not cancelled once more by that
    handler_type waiting;
    holdfast::sync::detail::standing_aside aside;  // uses the frame's room, so it goes before the frame
  };
  void let_others_run(handler_type handler) {
    namespace sync = holdfast::sync::detail;
    static_assert(sizeof(room_) >= sync::standing_aside::room_bytes);
    Executor const executor = handler.get_executor();
    auto const cancelled_before = handler.get_cancellation_state().cancelled();
    sync::post_plainly(executor, turn_of_others{this, cancelled_before, std::move(handler),
                                                sync::standing_aside(initiation_.lock(), room_)});
  }

  static tuple_type aborted() {
    tuple_type result;
    if constexpr (std::is_same_v<std::tuple_element_t<0, tuple_type>, std::exception_ptr>) {
      std::get<0>(result) =
          std::make_exception_ptr(boost::system::system_error(boost::system::error_code(error::operation_aborted)));
    } else {
      std::get<0>(result) = error::operation_aborted;
    }
    return result;
  }

  Initiation& initiation_;
  awaitable_frame_base<Executor>* frame_;
  bool lets_others_run_ = false;
  holdfast::sync::detail::frame_result<tuple_type> result_;
  alignas(waiting_operation) std::byte room_[sizeof(waiting_operation)];
};

}  // namespace boost::asio::detail

#elif BOOST_VERSION < 108700

namespace boost::asio::detail {

/// Asio's own awaiter of operations that complete with (exception_ptr, value) dereferences, before 1.87, the result
/// itself instead of its exception, which nobody's code compiles with. So the result's referee is its exception.
template <class Result>
  requires requires(Result& result) {
    { result.ex_ } -> std::same_as<std::exception_ptr*&>;
    result.value_;
  }
std::exception_ptr& operator*(Result& result) noexcept {
  return *result.ex_;
}

}  // namespace boost::asio::detail

#endif
