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
  // Nearly always behind all others, as numbers grow.
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
  constexpr std::size_t prefix_bytes = std::string_view("disk;dur=").size(), number_bytes = 10;
  auto const us = std::clamp<std::int64_t>(withheld.count() / 1000, 0, 999'999'999);
  char digits[24];
  auto* end = std::to_chars(digits, digits + sizeof digits, us / 1000).ptr;
  char const decimals[] = {'.', static_cast<char>('0' + us % 1000 / 100), static_cast<char>('0' + us % 100 / 10),
                           static_cast<char>('0' + us % 10)};
  end = std::copy(std::begin(decimals), std::end(decimals), end);
  auto const length = static_cast<std::size_t>(end - digits);
  auto* const number = text + prefix_bytes;
  std::memset(number, ' ', number_bytes);
  std::memcpy(number + number_bytes - length, digits, length);

  // What is behind the number.
  char rest[64] = ";desc=\"with ";
  auto* to = rest + std::strlen(rest);
  auto const others = std::clamp<std::uint32_t>(progress_.last_batch.load(std::memory_order_relaxed), 1, 1'000'000) - 1;
  to = std::to_chars(to, to + 8, others).ptr;
  auto words = std::string_view(others == 1 ? " other\"" : " others\"");
  if (!progress_.is_synced) words = others == 1 ? " other, no sync\"" : " others, no sync\"";
  to = std::copy(words.begin(), words.end(), to);
  constexpr auto rest_bytes = timing_text.size() - prefix_bytes - number_bytes;
  static_assert(rest_bytes >= std::string_view(";desc=\"with 999999 others, no sync\"").size());
  std::memset(number + number_bytes, ' ', rest_bytes);
  std::memcpy(number + number_bytes, rest, static_cast<std::size_t>(to - rest));
}

}  // namespace holdfast::server
