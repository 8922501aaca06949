#include "server/http/answer_gate.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "server/loop/timer.hpp"

namespace holdfast::server {

void answer_gate::withhold(waiter& one, std::uint64_t needs) {
  if (one.is_linked()) {
    needs = std::max(needs, one.needs_);
    waiters_.erase(waiters_.iterator_to(one));
  }
  one.needs_ = needs;
  // Almost always last, because numbers grow.
  auto at = waiters_.end();
  while (at != waiters_.begin() && std::prev(at)->needs_ > needs) --at;
  waiters_.insert(at, one);
  await_progress();
}

void answer_gate::await_progress() noexcept {
  progress_made_.arm();
  if (progress_.number.load(std::memory_order_seq_cst) >= waiters_.front().needs_) notify();
}

void answer_gate::open() {
  for (int left = waiters_per_post; left != 0 && !waiters_.empty() && is_open_for(waiters_.front().needs_); --left) {
    auto& one = waiters_.front();
    waiters_.pop_front();
    one.on_open();
  }
  if (!waiters_.empty()) await_progress();  // posts again at once if the gate is open for the next one
}

awaitable<bool> answer_gate::wait(std::uint64_t needs) {
  struct timer_waiter final : waiter {
    explicit timer_waiter(loop_executor const& executor) : until(executor, timer::time_point::max()) {}
    void on_open() override {
      is_open = true;
      until.cancel();
    }
    timer until;
    bool is_open = false;
  };
  if (is_open_for(needs)) co_return true;
  timer_waiter here(loop_.get_executor());
  withhold(here, needs);
  co_await here.until.async_wait(as_values);
  co_return here.is_open;
}

void answer_gate::fill_in(char* text, std::chrono::nanoseconds withheld) const noexcept {
  auto const us = std::clamp<std::int64_t>(withheld.count() / 1000, 0, 999'999'999);
  char filled[timing_text.size()];
  static_assert(timing_text.size() >=
                std::string_view("disk;dur=999999.999;desc=\"with 999999 others, no sync\"").size());
  auto* to = filled;
  auto const append = [&](std::string_view part) { to = std::copy(part.begin(), part.end(), to); };
  append("disk;dur=");
  to = std::to_chars(to, std::end(filled), us / 1000).ptr;
  char const decimals[] = {'.', static_cast<char>('0' + us % 1000 / 100), static_cast<char>('0' + us % 100 / 10),
                           static_cast<char>('0' + us % 10)};
  append({decimals, sizeof decimals});
  append(";desc=\"with ");
  auto const others = std::clamp<std::uint32_t>(progress_.last_batch.load(std::memory_order_relaxed), 1, 1'000'000) - 1;
  to = std::to_chars(to, std::end(filled), others).ptr;
  append(others == 1 ? " other" : " others");
  append(progress_.is_synced ? "\"" : ", no sync\"");
  std::fill(to, std::end(filled), ' ');
  std::memcpy(text, filled, sizeof filled);
}

}  // namespace holdfast::server
