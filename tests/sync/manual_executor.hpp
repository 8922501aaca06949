#pragma once
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

namespace holdfast::sync::test {

/// An execution context in which nothing runs until the test says so, one function at a time: tests steer the order.
/// Not thread-safe. Destroying it destroys what has not run, as Asio's own contexts do.
class manual_context : public boost::asio::execution_context {
 public:
  template <bool tracks_work>
  class basic_executor;
  using executor_type = basic_executor<false>;

  ~manual_context() {
    shutdown();
    functions_.clear();
    destroy();
  }

  executor_type get_executor() noexcept;

  std::size_t posted() const { return functions_.size(); }
  std::size_t outstanding_work() const { return work_; }

  /// Runs the oldest function. False: there was none.
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

 private:
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

  std::deque<std::unique_ptr<function_base>> functions_;
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

}  // namespace holdfast::sync::test
