#pragma once
#include <atomic>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <functional>
#include <holdfast/sync/detail/access.hpp>
#include <holdfast/sync/detail/finished_functions.hpp>
#include <holdfast/sync/detail/operation.hpp>
#include <holdfast/sync/detail/timeout.hpp>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace holdfast::sync::detail {

template <class Value>
struct completion_with {
  using tuple = std::tuple<std::exception_ptr, Value>;
  using signature = void(std::exception_ptr, Value);
};
template <>
struct completion_with<void> {
  using tuple = std::tuple<std::exception_ptr>;
  using signature = void(std::exception_ptr);
};

/// What a function that ran under the lock left: its result or its exception.
template <class Function>
class function_result {
 public:
  using value_type = std::decay_t<std::invoke_result_t<Function&>>;
  static constexpr bool has_value = !std::is_void_v<value_type>;
  using tuple_type = typename completion_with<value_type>::tuple;

  void run(Function& function) noexcept {
    try {
      if constexpr (has_value) {
        value_.emplace(std::invoke(function));
      } else {
        std::invoke(function);
      }
    } catch (...) {
      exception_ = std::current_exception();
    }
  }
  void fail(boost::asio::error::basic_errors why) {
    exception_ = std::make_exception_ptr(boost::system::system_error(boost::system::error_code(why)));
  }

  auto take() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
    if constexpr (has_value) return value_type(std::move(*value_));
  }
  /// A value that can't be moved is a failure like any other; one that can't be made either throws.
  tuple_type take_tuple() {
    if constexpr (has_value) {
      if (!exception_) {
        try {
          return tuple_type(nullptr, std::move(*value_));
        } catch (...) {
          exception_ = std::current_exception();
        }
      }
    }
    tuple_type failure;
    std::get<0>(failure) = exception_;
    return failure;
  }

 private:
  struct nothing {};
  std::exception_ptr exception_;
  [[no_unique_address]] std::conditional_t<has_value, std::optional<std::conditional_t<has_value, value_type, int>>,
                                           nothing> value_;
};

/// One async_run() with a completion handler, with a deadline or without: a waiter that brings its section along, so
/// that whoever releases the lock can run it on the spot. (Delegation, also known as flat combining: Hendler, Incze,
/// Shavit, Tzafrir, SPAA 2010.)
template <class Mutex, class Function, class Deadline, class Handler>
class run_operation final
    : public operation<run_operation<Mutex, Function, Deadline, Handler>, typename Mutex::policy_type, Handler> {
  using base = operation<run_operation, typename Mutex::policy_type, Handler>;
  using access_type = exclusive_access<Mutex, plain_lock<Mutex>>;

 public:
  static void start(Mutex& mutex, typename Mutex::identity const& who, Function&& function, Deadline const& deadline,
                    Handler handler) {
    auto self = base::create(std::move(handler), mutex, std::move(function));
    run_operation& o = *self.operation;
    if (!o.prepare(o.access_)) return;
    o.access_.asked(o, who);
    bool const acquired =
        o.timeout_.arm_around(deadline, o.executor(), o, [&] { return o.access_.acquire_or_enqueue(o); });
    self.release();  // whoever takes it out of the queue owns it
    if (acquired) {
      o.run();
      mutex.unlock();
      o.post();
    }
  }

  void grant() noexcept override {
    timeout_.forget();
    access_.take_charge(*this);
    state_ = state::granted;
    this->post_noexcept();
  }

  void abort() noexcept override {
    timeout_.forget();
    access_.forget();
    state_ = state::aborted;
    this->post_noexcept();
  }

  void discard() noexcept override {
    timeout_.forget();
    drop();
  }

  /// By the timer, as lock_operation::expire().
  bool expire() noexcept { return access_.withdraw(*this); }

  void finish_expired() {
    state_ = state::timed_out;
    complete();
  }

  void run() noexcept override {
    timeout_.forget();
    cancellable_.store(false, std::memory_order_relaxed);
    access_.take_charge(*this);
    result_.run(function_);
    state_ = state::done;
  }

  void finish() noexcept override { this->post_noexcept(); }

  void finish_all() noexcept override {
    try {
      this->post(finished_functions(*this));
    } catch (...) {  // as in post_noexcept()
    }
  }

  bool finishes_together() const noexcept override { return travel_together<typename base::executor_type>; }

 private:
  friend base;

  enum class state : unsigned char { waiting, granted, done, aborted, timed_out };

  run_operation(Handler&& handler, Mutex& mutex, Function&& function)
      : base(std::move(handler), true), access_(mutex, {}), function_(std::move(function)) {}

  void cancel() noexcept {
    // Once the function has run, the mutex may be gone although the completion is still under way.
    if (cancellable_.load(std::memory_order_relaxed) && access_.withdraw(*this)) abort();
  }

  void complete() {
    if (state_ == state::granted) {
      if (auto* const mutex = access_.mutex) {
        result_.run(function_);
        mutex->unlock();
      } else {
        state_ = state::aborted;
      }
    }
    if (state_ == state::aborted) result_.fail(boost::asio::error::operation_aborted);
    if (state_ == state::timed_out) result_.fail(boost::asio::error::timed_out);
    typename base::holder self(this);  // the result may throw
    auto result = result_.take_tuple();
    self.release();
    Handler handler = this->destroy();
    std::apply([&](auto&&... r) { std::move(handler)(std::move(r)...); }, std::move(result));
  }

  void drop() noexcept {
    if (state_ == state::granted && passes_on_later(*this)) return;
    // Before the handler goes, since that may destroy whatever keeps the lock alive.
    if (state_ == state::granted) access_.release();
    [[maybe_unused]] Handler handler = this->destroy();
  }

  access_type access_;
  state state_ = state::waiting;
  std::atomic<bool> cancellable_{true};
  Function function_;
  function_result<Function> result_;
  [[no_unique_address]] timeout<Deadline, run_operation, typename base::executor_type> timeout_;  // stops when it goes
};

/// The initiation of async_run().
template <class Mutex, class Function, class Deadline>
class run_initiation {
 public:
  using value_type = typename function_result<Function>::value_type;
  using signature = typename completion_with<value_type>::signature;

  run_initiation(Mutex& mutex, typename Mutex::identity const& who, Function function, Deadline const& deadline)
      : mutex_(&mutex), who_(who), function_(std::move(function)), deadline_(deadline) {}

  template <class Handler>
  using operation_type = run_operation<Mutex, Function, Deadline, std::decay_t<Handler>>;

  template <class Handler>
  void operator()(Handler&& handler) {
    operation_type<Handler>::start(*mutex_, who_, std::move(function_), deadline_, std::forward<Handler>(handler));
  }

  void const* lock() const noexcept { return mutex_; }

  /// For a coroutine, which needs no executor for what is done at once. True: it is, and take() gives the result.
  bool is_free() const noexcept { return !mutex_->core_.is_held(); }
  bool try_now() noexcept {
    if (!mutex_->try_acquire(who_)) return false;
    mutex_->owner_ = &mutex_;
    result_.run(function_);
    mutex_->unlock();
    return true;
  }
  auto take() { return result_.take(); }
  auto take_tuple() { return result_.take_tuple(); }

 private:
  Mutex* mutex_;
  [[no_unique_address]] typename Mutex::identity who_;
  Function function_;
  function_result<Function> result_;
  [[no_unique_address]] Deadline deadline_;
};

}  // namespace holdfast::sync::detail
