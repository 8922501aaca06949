#include "server/deadline_wheel.hpp"

#include <algorithm>

namespace holdfast::server {

std::int64_t deadline_wheel::tick_after(clock::time_point time) noexcept {
  return time.time_since_epoch() / tick_length + 1;
}

void deadline_wheel::arm(deadline& one, clock::time_point due) {
  one.due_ = due;
  if (due == clock::time_point::max()) return;
  auto const tick = tick_after(due);
  if (one.is_linked()) {
    if (one.tick_ <= tick) return;
    one.unlink();
  }
  // An empty wheel has no past to catch up with.
  if (awaited_tick_ == 0) done_tick_ = tick_after(clock::now()) - 1;
  link(one, tick);
  if (awaited_tick_ == 0 || one.tick_ < awaited_tick_) wait_for(one.tick_);
}

void deadline_wheel::link(deadline& one, std::int64_t tick) {
  one.tick_ = std::clamp(tick, done_tick_ + 1, done_tick_ + slots - 1);
  slot_of(one.tick_).push_back(one);
}

void deadline_wheel::wait_for(std::int64_t tick) {
  if (!timer_) return;
  timer_->expires_at(clock::time_point(tick * tick_length));
  timer_->async_wait([this, tick](error_code error) {
    // A tick that is no longer awaited has been replaced by an earlier one, whose handler does the work.
    if (error || tick != awaited_tick_) return;
    on_tick(tick_after(clock::now()) - 1);
  });
  awaited_tick_ = tick;
}

void deadline_wheel::on_tick(std::int64_t now) {
  auto const time = clock::now();
  // After a pause of more than a turn (a machine that slept) one turn meets every slot.
  done_tick_ = std::max(done_tick_, now - slots);
  while (done_tick_ < now) {
    // First, so that whatever is armed from here on is linked ahead of the slot being emptied.
    auto const tick = ++done_tick_;
    auto& due = slot_of(tick);
    while (!due.empty()) {
      auto& one = due.front();
      one.unlink();
      if (one.due_ <= time) {
        one.due_ = clock::time_point::max();
        one.on_deadline();
      } else if (one.due_ != clock::time_point::max()) {
        link(one, tick_after(one.due_));
      }
    }
  }
  awaited_tick_ = 0;
  for (auto tick = done_tick_ + 1; tick < done_tick_ + slots; ++tick)
    if (!slot_of(tick).empty()) return wait_for(tick);
}

}  // namespace holdfast::server
