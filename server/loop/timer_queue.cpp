#include "server/loop/timer_queue.hpp"

#include <sys/timerfd.h>

#include <algorithm>

namespace holdfast::server {

// CLOCK_MONOTONIC is the clock of std::chrono::steady_clock.
timer_queue::timer_queue() : alarm_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create") {}

void timer_queue::insert(timer_entry& one, clock::time_point due) noexcept {
  if (one.is_linked()) one.unlink();
  one.due_ = std::max(due, looked_at_);
  entries_.insert(one);
  if (one.due_ < alarm_at_) must_look_ = true;
}

int timer_queue::call_due(int most) {
  if (!must_look_) return 0;
  looked_at_ = now();
  for (int called = 0;; ++called) {
    if (entries_.empty() || entries_.begin()->due_ > looked_at_) {
      set_alarm();
      return called;
    }
    if (called == most) return called;
    auto& one = *entries_.begin();
    one.unlink();
    one.on_due(looked_at_);
  }
}

void timer_queue::set_alarm() noexcept {
  must_look_ = false;
  if (entries_.empty() || test_time_) return;
  auto const earliest = entries_.begin()->due_;
  if (earliest >= alarm_at_) return;
  alarm_at_ = earliest;
  auto const since_boot = std::chrono::nanoseconds(earliest.time_since_epoch());
  auto const seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  itimerspec const when{.it_interval = {}, .it_value = {seconds.count(), (since_boot - seconds).count()}};
  ::timerfd_settime(alarm_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void timer_queue::on_ready(std::uint32_t) {
  alarm_at_ = clock::time_point::max();
  must_look_ = true;
}

bool timer_queue::end_one() noexcept {
  if (entries_.empty()) return false;
  auto& one = *entries_.begin();
  one.unlink();
  one.on_loop_end();
  return true;
}

}  // namespace holdfast::server
