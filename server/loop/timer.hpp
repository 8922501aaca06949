#pragma once

#include <atomic>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_code.hpp>
#include <cassert>
#include <chrono>
#include <optional>
#include <utility>

#include "server/loop/event_loop.hpp"

namespace holdfast::server {

/// One wait of a timer. Shared by the loop (until it completes), its timer and its handler's cancellation slot, which
/// may be on different threads.
class timer_wait : private timer_entry, private loop_operation {
 public:
  using error_code = boost::system::error_code;

  /// Call once, before any other function. Thread-safe.
  void start(clock::time_point due) noexcept;

  /// Completes the wait with operation_aborted unless it has completed. Thread-safe.
  void cancel() noexcept;

  /// False if the wait has completed. Reliable only on the loop's thread.
  [[nodiscard]] bool is_pending() const noexcept { return is_pending_.load(std::memory_order_relaxed); }

 protected:
  explicit timer_wait(event_loop& loop) noexcept;
  ~timer_wait() override = default;

  [[nodiscard]] event_loop& loop() const noexcept { return loop_; }
  [[nodiscard]] error_code error() const noexcept { return error_; }

 private:
  /// Calls the handler if `run` is true; otherwise only destroys it.
  virtual void complete(bool run) = 0;
  virtual void destroy() noexcept = 0;

  /// Carries a cancel() from another thread to the loop.
  class cancellation final : public loop_operation {
   public:
    explicit cancellation(timer_wait& wait) noexcept : loop_operation(&finish_it), wait_(wait) {}

   private:
    static void finish_it(loop_operation& base, bool run);
    timer_wait& wait_;
  };

  static void finish_it(loop_operation& base, bool run);
  void on_due(clock::time_point now) override;
  void on_loop_end() noexcept override;
  void cancel_here() noexcept;
  void end(bool run);

  friend void intrusive_ptr_add_ref(timer_wait* wait) noexcept {
    wait->references_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(timer_wait* wait) noexcept {
    if (wait->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) wait->destroy();
  }

  event_loop& loop_;
  clock::time_point due_;
  error_code error_;
  std::atomic<int> references_{0};
  std::atomic<bool> is_pending_{true};
  std::atomic<bool> is_cancelled_elsewhere_{false};
  cancellation cancellation_{*this};
};

using timer_wait_pointer = boost::intrusive_ptr<timer_wait>;

/// A wait together with its completion handler.
template <class Handler>
class timer_wait_of final : public timer_wait {
 public:
  static timer_wait_pointer create(event_loop& loop, Handler handler) {
    asio::recycling_allocator<timer_wait_of> memory;
    auto* const room = memory.allocate(1);
    timer_wait_pointer wait(::new (static_cast<void*>(room)) timer_wait_of(loop, std::move(handler)));
    if (auto slot = asio::get_associated_cancellation_slot(*static_cast<timer_wait_of&>(*wait).handler_);
        slot.is_connected()) {
      slot.assign([wait](asio::cancellation_type type) {
        using asio::cancellation_type;
        constexpr auto all = cancellation_type::terminal | cancellation_type::partial | cancellation_type::total;
        if ((type & all) != cancellation_type::none) wait->cancel();
      });
    }
    return wait;
  }

 private:
  using executor_type = asio::associated_executor_t<Handler, loop_executor>;

  timer_wait_of(event_loop& loop, Handler&& handler)
      : timer_wait(loop),
        handler_(std::move(handler)),
        work_(std::in_place, asio::get_associated_executor(*handler_, loop.get_executor())) {}
  ~timer_wait_of() override = default;

  void complete(bool run) override {
    // The slot refers to this wait, and the handler may bind it again.
    if (run)
      if (auto slot = asio::get_associated_cancellation_slot(*handler_); slot.is_connected()) slot.clear();
    Handler handler(std::move(*handler_));
    handler_.reset();
    auto const work = *std::exchange(work_, std::nullopt);
    if (!run) return;
    auto const executor = work.get_executor();
    auto const result = error();
    if constexpr (std::is_same_v<executor_type, loop_executor>) {
      if (&executor.loop() == &loop()) return std::move(handler)(result);
    }
    asio::dispatch(executor, [handler = std::move(handler), result]() mutable { std::move(handler)(result); });
  }

  void destroy() noexcept override {
    this->~timer_wait_of();
    asio::recycling_allocator<timer_wait_of>().deallocate(this, 1);
  }

  std::optional<Handler> handler_;
  std::optional<asio::executor_work_guard<executor_type>> work_;
};

/// Waits on a loop's clock, as asio::steady_timer does on an io_context's. Never expires early; may be late while the
/// loop is busy.
///
///     timer pause(co_await asio::this_coro::executor);
///     pause.expires_after(20ms);
///     auto [error] = co_await pause.async_wait(as_values);
///
/// Supports one wait at a time, which completes on the loop. Not thread-safe, but not bound to a thread either: calls
/// take effect at once on the loop's thread, and through a post from any other. The loop must outlive it.
class timer {
 public:
  using executor_type = loop_executor;
  using clock_type = event_loop::clock;
  using duration = clock_type::duration;
  using time_point = clock_type::time_point;

  /// Without an expiry, it expires at once.
  explicit timer(executor_type const& executor) noexcept : loop_(&executor.loop()) {}
  template <class Allocator, unsigned properties>
  explicit timer(basic_loop_executor<Allocator, properties> const& executor) noexcept : loop_(&executor.loop()) {}
  timer(executor_type const& executor, time_point due) noexcept : timer(executor) { due_ = due; }
  timer(executor_type const& executor, duration time) noexcept : timer(executor) { expires_after(time); }
  timer(timer const&) = delete;
  timer& operator=(timer const&) = delete;
  ~timer() { cancel(); }

  [[nodiscard]] executor_type get_executor() const noexcept { return executor_type(*loop_); }
  /// The time of the loop's clock; in tests this may differ from clock_type::now().
  [[nodiscard]] time_point now() const noexcept { return loop_->now(); }
  [[nodiscard]] time_point expiry() const noexcept { return due_; }

  /// Cancels the pending wait and sets the next expiry; time_point::max() means never.
  void expires_at(time_point due) noexcept {
    cancel();
    due_ = due;
  }
  /// A duration beyond the clock's range means never.
  void expires_after(duration time) noexcept {
    auto const start = now();
    expires_at(time < time_point::max() - start ? start + time : time_point::max());
  }

  /// Completes a pending wait with asio::error::operation_aborted, after this function has returned.
  void cancel() noexcept {
    if (wait_) wait_->cancel();
    wait_.reset();
  }

  /// Completes with `void(error_code)` on expiry, never before this function has returned. Terminal, partial and total
  /// cancellation act like cancel(), and must be emitted on the loop's thread.
  template <class CompletionToken>
  auto async_wait(CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(boost::system::error_code)>(
        [this]<class Handler>(Handler&& handler) {
          auto wait = timer_wait_of<std::decay_t<Handler>>::create(*loop_, std::forward<Handler>(handler));
          assert(!wait_ || !loop_->runs_here() || !wait_->is_pending());
          wait_ = wait;
          wait->start(due_);
        },
        token);
  }

 private:
  event_loop* loop_;
  time_point due_{};
  timer_wait_pointer wait_;  // the most recent one
};

}  // namespace holdfast::server
