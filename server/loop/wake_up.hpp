#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include "server/loop/event_loop.hpp"

namespace holdfast::server {

/// Calls a function on a loop's thread when another thread rings; once for each arm(). Ringing cannot fail, and costs
/// one load while not armed. After arm(), check whether there is work already: earlier rings had no effect.
class wake_up {
 public:
  /// The loop must outlive this object and must no longer run when it is destroyed.
  wake_up(event_loop& loop, std::function<void()> what) : loop_(loop), call_(std::move(what)) {}
  wake_up(wake_up const&) = delete;
  wake_up& operator=(wake_up const&) = delete;

  /// Lets the next ring() call the function. On the loop's thread only.
  void arm() noexcept {
    auto expected = state::idle;
    // If a call is pending, it will see all the work there is.
    call_.now.compare_exchange_strong(expected, state::armed, std::memory_order_seq_cst);
  }

  /// Thread-safe.
  void ring() noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (call_.now.load(std::memory_order_relaxed) != state::armed) return;
    auto expected = state::armed;
    if (call_.now.compare_exchange_strong(expected, state::posted, std::memory_order_acq_rel)) loop_.post(call_);
  }

 private:
  enum class state { idle, armed, posted };

  class call final : public loop_operation {
   public:
    explicit call(std::function<void()> function) : loop_operation(&run_it), what(std::move(function)) {}

    std::atomic<state> now{state::idle};
    std::function<void()> const what;

   private:
    static void run_it(loop_operation& base, bool run) {
      auto& self = static_cast<call&>(base);
      self.now.store(state::idle, std::memory_order_seq_cst);
      if (run) self.what();
    }
  };

  event_loop& loop_;
  call call_;
};

}  // namespace holdfast::server
