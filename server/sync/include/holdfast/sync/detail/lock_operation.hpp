#pragma once
#include <boost/asio/error.hpp>
#include <holdfast/sync/detail/operation.hpp>
#include <holdfast/sync/detail/timeout.hpp>
#include <utility>

namespace holdfast::sync::detail {

/// One async_lock() with a completion handler.
///
/// `Access` is a small copyable object that knows the lock and the way in which it is wanted:
///   policy_type, identity, result_type (what the handler gets)
///   asked(waiter&, identity)      tells the instrumentation
///   acquire_or_enqueue(waiter&)   true: acquired
///   withdraw(waiter&)             true: taken out of the queue
///   address()                     of the lock; says which it is
///   link(context)                 the lock's link to an execution context; null if that is being destroyed
///   take_charge(waiter&)          ownership is now this object's business, until deliver() or release()
///   deliver()                     what the handler gets; owns nothing if the lock was destroyed meanwhile
///   release()                     passes on what could not be delivered
///   forget()                      the lock is of no more concern, and may be destroyed
template <class Access, class Deadline, class Handler>
class lock_operation final
    : public operation<lock_operation<Access, Deadline, Handler>, typename Access::policy_type, Handler> {
  using base = operation<lock_operation, typename Access::policy_type, Handler>;

 public:
  static void start(Access const& access, typename Access::identity const& who, Deadline const& deadline,
                    Handler handler) {
    auto self = base::create(std::move(handler), access);
    if (!self->prepare(self->access_)) return;
    self->access_.asked(*self.operation, who);
    lock_operation& o = *self.operation;
    bool const acquired =
        o.timeout_.arm_around(deadline, o.executor(), o, [&] { return o.access_.acquire_or_enqueue(o); });
    self.release();  // whoever takes it out of the queue owns it
    if (acquired) {
      o.become_owner();
      o.post();
    }
  }

  void grant() noexcept override {
    become_owner();
    this->post_noexcept();
  }

  void abort() noexcept override { fail(outcome::aborted); }

  void discard() noexcept override {
    timeout_.forget();
    drop();
  }

  /// By the timer, on the waiter's executor, while grant() and abort() are kept waiting. True: finish_expired()
  /// follows.
  bool expire() noexcept { return access_.withdraw(*this); }

  void finish_expired() {
    outcome_ = outcome::timed_out;
    complete();
  }

 private:
  friend base;

  enum class outcome : unsigned char { undecided, granted, aborted, timed_out };

  lock_operation(Handler&& handler, Access const& access) : base(std::move(handler), false), access_(access) {}

  void cancel() noexcept {
    if (access_.withdraw(*this)) fail(outcome::aborted);
  }

  void fail(outcome why) noexcept {
    timeout_.forget();
    access_.forget();
    outcome_ = why;
    this->post_noexcept();
  }

  void become_owner() noexcept {
    timeout_.forget();
    outcome_ = outcome::granted;
    access_.take_charge(*this);
  }

  void complete() {
    auto const how = outcome_;
    Access access = access_;
    auto result = how == outcome::granted ? access.deliver() : typename Access::result_type();
    timeout_.stop();
    Handler handler = this->destroy();
    boost::system::error_code error;
    if (!result) {
      error = how == outcome::timed_out ? boost::asio::error::timed_out : boost::asio::error::operation_aborted;
    }
    std::move(handler)(error, std::move(result));
  }

  void drop() noexcept {
    if (outcome_ == outcome::granted && passes_on_later(*this)) return;
    Access access = access_;
    timeout_.stop();
    // Before the handler goes, since that may destroy whatever keeps the lock alive.
    if (outcome_ == outcome::granted) access.release();
    [[maybe_unused]] Handler handler = this->destroy();
  }

  Access access_;
  outcome outcome_ = outcome::undecided;
  [[no_unique_address]] timeout<Deadline, lock_operation, typename base::executor_type> timeout_;
};

/// The initiation of async_lock().
template <class Access, class Deadline>
class lock_initiation {
 public:
  using value_type = typename Access::result_type;
  using signature = void(boost::system::error_code, value_type);

  lock_initiation(Access const& access, typename Access::identity const& who, Deadline const& deadline)
      : access_(access), who_(who), deadline_(deadline) {}

  template <class Handler>
  using operation_type = lock_operation<Access, Deadline, std::decay_t<Handler>>;

  template <class Handler>
  void operator()(Handler&& handler) {
    operation_type<Handler>::start(access_, who_, deadline_, std::forward<Handler>(handler));
  }

  void const* lock() const noexcept { return access_.address(); }

  /// For a coroutine, which needs no executor for what is done at once. True: it is, and take() gives the result.
  bool is_free() const noexcept { return access_.is_free(); }
  bool try_now() noexcept { return access_.try_acquire(who_); }
  value_type take() noexcept { return access_.deliver(); }
  std::tuple<boost::system::error_code, value_type> take_tuple() noexcept {
    return {boost::system::error_code(), take()};
  }

 private:
  Access access_;
  [[no_unique_address]] typename Access::identity who_;
  [[no_unique_address]] Deadline deadline_;
};

}  // namespace holdfast::sync::detail
