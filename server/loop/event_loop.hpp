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

/// An event loop for one thread: descriptors, timers, and functions posted from any thread. It is an Asio execution
/// context, so Asio's coroutines, tokens and cancellation run on it. Asio's own timers, sockets and signal sets would
/// start a thread of their own on its executor; use timer, poll_source and signal_source instead.
///
/// The loop runs in turns of bounded length: one batch of ready descriptors, each served once; then a limited number of
/// due timers; then a limited number of posted functions. A source, timer or function that is always ready therefore
/// delays the others by at most one turn.
///
/// Functions may be called only on the thread that runs the loop, or by the loop's owner while no thread runs it,
/// unless they are marked thread-safe.
class event_loop : public asio::execution_context {
 public:
  using executor_type = loop_executor;
  using clock = timer_queue::clock;

  static constexpr int posts_per_turn = 64;
  static constexpr int timers_per_turn = 64;
  static constexpr int descriptors_per_turn = 128;

  /// @param on_batch_end called after each batch of descriptors and before anything else runs. Work that sources have
  /// collected may refer to objects that a later timer or post destroys, so it must be finished here.
  explicit event_loop(std::function<void()> on_batch_end = {});

  /// Calls shut_down() and destroys the services. All descriptors must have been removed, and no other thread may use
  /// the loop any more.
  ~event_loop();
  event_loop(event_loop const&) = delete;
  event_loop& operator=(event_loop const&) = delete;

  [[nodiscard]] executor_type get_executor() noexcept;

  // --- running ---

  /// Runs turns until stop(); sleeps while there is nothing to do. Exceptions of handlers, sources and on_batch_end
  /// propagate to the caller; call run() again to continue where it stopped.
  void run();

  /// Ends run() after its current turn, or the next run() at once if none is active. Thread-safe.
  void stop() noexcept;

  /// Runs one turn without sleeping. @return true if there was something to do.
  bool run_one_turn();

  /// Runs turns until nothing is ready.
  void poll() {
    while (run_one_turn()) {
    }
  }

  /// True if the calling thread is running this loop.
  [[nodiscard]] bool runs_here() const noexcept { return runner_.load(std::memory_order_relaxed) == &this_thread; }

  /// False if another thread runs this loop. For assertions.
  [[nodiscard]] bool may_be_used_here() const noexcept {
    auto const* const runner = runner_.load(std::memory_order_relaxed);
    return runner == nullptr || runner == &this_thread;
  }

  /// Destroys pending work without running it: shuts down the services (locks drop their waiters of this loop), then
  /// destroys posted functions and pending timers, including those added during the destruction, until none is left. No
  /// thread may run the loop now or later. A second call destroys what was added since the first.
  ///
  /// Owners of objects that coroutines refer to must first destroy the handlers kept outside the loop (by a source that
  /// a coroutine waits for, for example), which posts the rest of their coroutines; then call this; then destroy the
  /// objects.
  void shut_down() noexcept;

  // --- descriptors, level-triggered unless `events` say otherwise ---

  /// @return false if the kernel has no memory for another descriptor.
  [[nodiscard]] bool add(int descriptor, poll_source& source, std::uint32_t events) noexcept;
  void modify(int descriptor, poll_source& source, std::uint32_t events) noexcept;

  /// Call before closing the descriptor. Pending events for the source are discarded.
  void remove(int descriptor, poll_source const& source) noexcept;

  // --- time ---

  [[nodiscard]] clock::time_point now() const noexcept { return timers_.now(); }

  /// For tests that set the time and then call poll(): the loop's clock shows `time` until the next call.
  void set_time(clock::time_point time) noexcept { timers_.set_time(time); }

  // --- for executors, timers and deadlines ---

  [[nodiscard]] timer_queue& timers() noexcept {
    assert(may_be_used_here());
    return timers_;
  }

  /// Runs the operation once, later. Thread-safe.
  void post(loop_operation& one) noexcept;

  /// For handlers on the loop's thread that must not throw: run() throws the exception after the handler has returned.
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

  inline static constinit thread_local char this_thread = 0;  // its address identifies the thread

  std::function<void()> const on_batch_end_;
  unique_descriptor const set_;
  unique_descriptor const bell_;  // an eventfd rung by other threads; edge-triggered, never read
  std::atomic<char const*> runner_{nullptr};
  std::atomic<bool> is_stopped_{false};

  phase phase_ = phase::descriptors;  // the next one
  bool did_something_ = false;        // during this turn
  std::exception_ptr failure_;        // thrown by run()
  operation_queue posted_;
  timer_queue timers_;
  std::unique_ptr<epoll_event[]> events_;
  std::span<epoll_event> batch_;  // events not yet handed out

  alignas(64) operation_inbox inbox_;  // own cache line: other threads write it
};

}  // namespace holdfast::server

#include "server/loop/loop_executor.hpp"
