#pragma once

#include <array>
#include <atomic>
#include <boost/asio/execution_context.hpp>
#include <cassert>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>

#include "server/loop/loop_operation.hpp"
#include "server/loop/operation_inbox.hpp"
#include "server/loop/poll_source.hpp"
#include "server/loop/timer_queue.hpp"
#include "server/loop/unique_descriptor.hpp"

struct epoll_event;

namespace holdfast::server {

namespace asio = boost::asio;

template <class Allocator, unsigned properties>
class basic_loop_executor;

/// The executor of an event_loop.
using loop_executor = basic_loop_executor<std::allocator<void>, 0>;

/// One thread's event loop: descriptors, timers, and functions that any thread posts. It is an Asio execution context,
/// so that Asio's coroutines, tokens and cancellation run on it; but Asio's own timers, sockets and signal sets, given
/// its executor, would start a thread of their own, so there is timer, poll_source and signal_source instead.
///
/// It runs in turns, and a turn is bounded: one batch of ready descriptors, each of them once; then so many of the
/// timers that are due; then so many of the functions posted. Nobody waits longer than a turn for one who posts without
/// end, or is due or ready without end.
///
/// One thread runs it, and may call any of its functions; while nobody runs it, its owner may. What other threads may
/// call says so.
class event_loop : public asio::execution_context {
 public:
  using executor_type = loop_executor;
  using clock = timer_queue::clock;

  static constexpr int posts_per_turn = 64;
  static constexpr int timers_per_turn = 64;
  static constexpr int descriptors_per_turn = 128;

  /// @param on_batch_end called when a batch of descriptors has been served, and before anything else runs: what the
  /// sources have left for it may refer to what a timer or a post will destroy.
  explicit event_loop(std::function<void()> on_batch_end = {});

  /// As shut_down(), then destroys the services. Descriptors must have been removed, and no other thread may use the
  /// loop any more.
  ~event_loop();
  event_loop(event_loop const&) = delete;
  event_loop& operator=(event_loop const&) = delete;

  [[nodiscard]] executor_type get_executor() noexcept;

  // --- running ---

  /// Runs turns until stop(), and sleeps while there is nothing to do. What a handler, a source or on_batch_end throws
  /// comes out; call it again to continue where it left off.
  void run();

  /// From any thread: run() ends when its turn has ended; where nobody runs, the next run() ends at once.
  void stop() noexcept;

  /// Runs one turn and doesn't sleep. @return whether there was something to do.
  bool run_one_turn();

  /// Runs turns until there is nothing to do at once.
  void poll() {
    while (run_one_turn()) {
    }
  }

  /// Whether the calling thread runs this loop right now.
  [[nodiscard]] bool runs_here() const noexcept { return runner_.load(std::memory_order_relaxed) == &this_thread; }

  /// False: another thread runs this loop. For assertions.
  [[nodiscard]] bool may_be_used_here() const noexcept {
    auto const* const runner = runner_.load(std::memory_order_relaxed);
    return runner == nullptr || runner == &this_thread;
  }

  /// Destroys what is pending without running it: shuts down the services (locks lose their waiters of this loop), then
  /// destroys what is posted and what waits for a timer, and what that posts or starts while it is destroyed, until
  /// nothing is left. Nobody may run the loop, now or later. A second call destroys what has come since the first.
  ///
  /// For those who own what coroutines refer to: destroy the handlers that are kept outside the loop (by a source that
  /// a coroutine waits for, say), which posts the rest of their coroutines; call this; only then destroy the others.
  void shut_down() noexcept;

  // --- descriptors, level-triggered unless `events` say otherwise ---

  /// @return false where the system has no memory for one more.
  [[nodiscard]] bool add(int descriptor, poll_source& source, std::uint32_t events) noexcept;
  void modify(int descriptor, poll_source& source, std::uint32_t events) noexcept;

  /// Must come before the descriptor is closed. What is already on its way to the source is dropped.
  void remove(int descriptor, poll_source const& source) noexcept;

  // --- time ---

  [[nodiscard]] clock::time_point now() const noexcept { return timers_.now(); }

  /// For tests, which move the time and then poll(): the loop's clock shows `time` until the next call.
  void set_time(clock::time_point time) noexcept { timers_.set_time(time); }

  // --- for executors, timers and deadlines ---

  [[nodiscard]] timer_queue& timers() noexcept {
    assert(may_be_used_here());
    return timers_;
  }

  /// From any thread: runs it once, later.
  void post(loop_operation& one) noexcept;

  /// On the loop's thread, by a handler that must not throw: the exception comes out of run() when it has returned.
  void throw_later(std::exception_ptr exception) noexcept;

 private:
  class running;
  enum class phase { descriptors, batch_end, timers, posts, end };

  bool run_turn(bool may_sleep);
  void poll_descriptors(bool may_sleep);
  void call_timers();
  void run_posts();
  void rethrow_failure();
  void wake() noexcept;

  inline static constinit thread_local char this_thread = 0;  // its address says which thread it is

  std::function<void()> const on_batch_end_;
  unique_descriptor const set_;
  unique_descriptor const bell_;  // an eventfd that other threads ring; the edge alone counts
  std::atomic<char const*> runner_{nullptr};
  std::atomic<bool> is_stopped_{false};

  phase phase_ = phase::descriptors;  // the next
  bool did_something_ = false;        // in this turn
  std::exception_ptr failure_;        // to be thrown by run()
  operation_queue posted_;
  timer_queue timers_;
  std::unique_ptr<epoll_event[]> events_;
  std::span<epoll_event> batch_;  // events being handed out

  alignas(64) operation_inbox inbox_;  // what other threads write has a cache line of its own
};

}  // namespace holdfast::server

#include "server/loop/loop_executor.hpp"
