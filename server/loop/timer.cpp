#include "server/loop/timer.hpp"

namespace holdfast::server {

timer_wait::timer_wait(event_loop& loop) noexcept : loop_operation(&finish_it), loop_(loop) {}

void timer_wait::start(clock::time_point due) noexcept {
  intrusive_ptr_add_ref(this);  // the loop's reference, released by end()
  due_ = due;
  if (loop_.runs_here()) {
    loop_.timers().insert(*this, due);
  } else {
    loop_.post(*this);
  }
}

void timer_wait::cancel() noexcept {
  if (!is_pending()) return;
  if (loop_.runs_here()) return cancel_here();
  if (is_cancelled_elsewhere_.exchange(true, std::memory_order_relaxed)) return;
  intrusive_ptr_add_ref(this);  // the cancellation's reference
  loop_.post(cancellation_);
}

void timer_wait::cancel_here() noexcept {
  if (!is_pending()) return;
  error_ = asio::error::operation_aborted;
  // An entry that is not in the queue is still being posted, and finds the error when it arrives.
  if (!timer_queue::contains(*this)) return;
  loop_.timers().erase(*this);
  loop_.post(*this);
}

void timer_wait::cancellation::finish_it(loop_operation& base, bool run) {
  auto& wait = static_cast<cancellation&>(base).wait_;
  timer_wait_pointer const its_reference(&wait, false);
  if (run) wait.cancel_here();
}

/// Runs after the wait was posted by another thread, or was cancelled, or both.
void timer_wait::finish_it(loop_operation& base, bool run) {
  auto& self = static_cast<timer_wait&>(base);
  if (!run || self.error_) return self.end(run);
  self.loop_.timers().insert(self, self.due_);
}

void timer_wait::on_due(clock::time_point) {
  end(true);
}

void timer_wait::on_loop_end() noexcept {
  end(false);
}

void timer_wait::end(bool run) {
  timer_wait_pointer const the_loops(this, false);
  is_pending_.store(false, std::memory_order_relaxed);
  complete(run);
}

}  // namespace holdfast::server
