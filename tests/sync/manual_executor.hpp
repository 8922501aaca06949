#pragma once
#include <algorithm>
#include <boost/asio/append.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <holdfast/sync/executor_traits.hpp>
#include <memory>
#include <utility>
#include <vector>

namespace holdfast::sync::test {

/// An execution context that runs functions only on request, one at a time, so that tests control the order. Its clock
/// moves only on request. Not thread-safe. The destructor destroys the remaining functions, as Asio's own contexts do.
class manual_context : public boost::asio::execution_context {
 public:
  template <bool tracks_work>
  class basic_executor;
  using executor_type = basic_executor<false>;
  using time_point = std::chrono::steady_clock::time_point;

  ~manual_context() {
    shutdown();
    // A function's destructor may post, or cancel a timer, which posts.
    while (!functions_.empty() || !waits_.empty()) {
      if (!functions_.empty()) {
        auto const goes = std::move(functions_.front());
        functions_.pop_front();
      } else {
        auto const goes = std::move(waits_.back());
        waits_.pop_back();
      }
    }
    destroy();
  }

  executor_type get_executor() noexcept;

  std::size_t posted() const { return functions_.size(); }
  std::size_t outstanding_work() const { return work_; }

  /// Runs the oldest function. @return false if there was none.
  bool run_one() {
    if (functions_.empty()) return false;
    auto oldest = std::move(functions_.front());
    functions_.pop_front();
    oldest->run();
    return true;
  }
  std::size_t run() {
    std::size_t count = 0;
    while (run_one()) ++count;
    return count;
  }

  /// The number of active timers.
  std::size_t timers() const { return waits_.size(); }

  /// Moves the clock, and posts the completions of the timers that are due, earliest first.
  void pass_time_until(time_point now) {
    while (!waits_.empty()) {
      auto const& earliest = **std::ranges::min_element(waits_, {}, [](auto const& w) { return w->due; });
      if (earliest.due > now) break;
      end_wait(earliest.timer, {});
    }
  }

 private:
  friend class manual_timer;

  struct function_base {
    virtual ~function_base() = default;
    virtual void run() = 0;
  };
  template <class F>
  struct function : function_base {
    explicit function(F&& f) : body(std::move(f)) {}
    void run() override { std::move(body)(); }
    F body;
  };

  struct wait_base {
    wait_base(void const* t, time_point d) : timer(t), due(d) {}
    virtual ~wait_base() = default;
    virtual void complete(boost::system::error_code error) = 0;
    void const* timer;
    time_point due;
  };
  template <class Handler>
  struct wait : wait_base {
    wait(void const* t, time_point d, Handler&& h, manual_context& c)
        : wait_base(t, d), handler(std::move(h)), context(c) {}
    void complete(boost::system::error_code error) override;
    Handler handler;
    manual_context& context;
  };

  /// Posts the completion of a timer's wait, if there is one.
  void end_wait(void const* timer, boost::system::error_code error) {
    auto const found = std::ranges::find(waits_, timer, [](auto const& w) { return w->timer; });
    if (found == waits_.end()) return;
    auto const ended = std::move(*found);
    waits_.erase(found);
    ended->complete(error);
  }

  std::deque<std::unique_ptr<function_base>> functions_;
  std::vector<std::unique_ptr<wait_base>> waits_;
  std::size_t work_ = 0;
};

template <bool tracks_work>
class manual_context::basic_executor {
 public:
  explicit basic_executor(manual_context& context) noexcept : context_(&context) { begin(); }
  basic_executor(basic_executor const& other) noexcept : context_(other.context_) { begin(); }
  basic_executor& operator=(basic_executor const&) = delete;
  ~basic_executor() {
    if (tracks_work) --context_->work_;
  }

  manual_context& query(boost::asio::execution::context_t) const noexcept { return *context_; }
  static constexpr auto query(boost::asio::execution::blocking_t) noexcept {
    return boost::asio::execution::blocking.never;
  }
  basic_executor require(boost::asio::execution::blocking_t::never_t) const noexcept { return *this; }
  basic_executor<true> require(boost::asio::execution::outstanding_work_t::tracked_t) const noexcept {
    return basic_executor<true>(*context_);
  }
  basic_executor<false> require(boost::asio::execution::outstanding_work_t::untracked_t) const noexcept {
    return basic_executor<false>(*context_);
  }

  template <class F>
  void execute(F f) const {
    context_->functions_.push_back(std::make_unique<function<F>>(std::move(f)));
  }

  bool operator==(basic_executor const& other) const noexcept { return context_ == other.context_; }
  bool operator!=(basic_executor const& other) const noexcept { return context_ != other.context_; }

 private:
  void begin() const {
    if (tracks_work) ++context_->work_;
  }
  manual_context* context_;
};

inline manual_context::executor_type manual_context::get_executor() noexcept {
  return executor_type(*this);
}

template <class Handler>
void manual_context::wait<Handler>::complete(boost::system::error_code error) {
  boost::asio::post(context.get_executor(), boost::asio::append(std::move(handler), error));
}

/// A timer on the clock of a manual_context.
class manual_timer {
 public:
  explicit manual_timer(manual_context::executor_type const& executor)
      : context_(executor.query(boost::asio::execution::context)) {}
  manual_timer(manual_timer const&) = delete;
  manual_timer& operator=(manual_timer const&) = delete;
  ~manual_timer() { cancel(); }

  void expires_at(manual_context::time_point due) { due_ = due; }
  void cancel() { context_.end_wait(this, boost::asio::error::operation_aborted); }
  template <class CompletionToken>
  auto async_wait(CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code)>(
        [this]<class Handler>(Handler handler) {
          context_.waits_.push_back(
              std::make_unique<manual_context::wait<Handler>>(this, due_, std::move(handler), context_));
        },
        token);
  }

 private:
  manual_context& context_;
  manual_context::time_point due_{};
};

}  // namespace holdfast::sync::test

/// Waits for a lock in a manual_context use its clock.
template <bool tracks_work>
struct holdfast::sync::timer_of<holdfast::sync::test::manual_context::basic_executor<tracks_work>> {
  using type = test::manual_timer;
};
