#include "server/insight/lock_feed.hpp"

#include <algorithm>
#include <tuple>

namespace holdfast::server {

lock_feed::lock_feed(std::vector<lock_recorder const*> recorders)
    : recorders_(std::move(recorders)), cursors_(recorders_.size()) {}

/// Takes in what the threads have recorded, in the order in which it happened.
void lock_feed::collect() {
  // An event must not be taken in before another thread's that came before it: who was granted the lock recorded later
  // than who released it. So all ends are looked at twice, until nothing was written in between.
  std::vector<std::uint64_t> ends(recorders_.size()), again(recorders_.size());
  auto const look = [&](std::vector<std::uint64_t>& at) {
    std::transform(recorders_.begin(), recorders_.end(), at.begin(),
                   [](lock_recorder const* one) { return one->ring().written(); });
  };
  constexpr int looks_max = 64;
  look(ends);
  for (int i = 0; i < looks_max && recorders_.size() > 1; ++i) {
    look(again);
    if (again == ends) break;
    ends.swap(again);
  }
  batch_.clear();
  for (std::size_t i = 0; i < recorders_.size(); ++i)
    next_number_ += recorders_[i]->ring().read(cursors_[i], ends[i], batch_);
  // A thread's own events keep their order: its numbers rise, and so do a request's kinds.
  auto const order = [](event_ring::entry const& one) {
    return std::tuple(time_of(one.event), one.event.id, one.event.what);
  };
  if (recorders_.size() > 1)
    std::sort(batch_.begin(), batch_.end(), [&](auto const& a, auto const& b) { return order(a) < order(b); });
  for (auto& one : batch_) keep(std::move(one));
  if (batch_.capacity() > events_max) batch_.shrink_to_fit();
}

void lock_feed::keep(event_ring::entry&& one) {
  auto const number = next_number_++;
  if (one.event.what == lock_event::kind::granted) {
    open_hold_ = kept_event{number, one.event, one.key};
  } else if (one.event.what == lock_event::kind::done) {
    if (open_hold_ && open_hold_->event.id == one.event.id) open_hold_.reset();
    if (one.event.granted_ns != lock_event::never) keep_hold(number, one.event);
  }
  events_.push_back({number, one.event, std::move(one.key)});
  if (events_.size() <= events_max) return;
  auto const gone = events_.front().number;
  events_.pop_front();
  if (!holds_.empty() && holds_.front().number <= gone) holds_.pop_front();
}

void lock_feed::keep_hold(std::uint64_t number, lock_event const& event) {
  auto at = holds_.end();
  while (at != holds_.begin() && std::prev(at)->granted_ns > event.granted_ns) --at;
  auto const held_ns = event.ended_ns - event.granted_ns;
  auto held_before_ns = std::int64_t(0);
  if (at != holds_.begin()) {
    auto const& before = *std::prev(at);
    held_before_ns = before.held_before_ns + (before.ended_ns - before.granted_ns);
  }
  at = holds_.insert(at, {number, event.granted_ns, event.ended_ns, held_before_ns});
  for (++at; at != holds_.end(); ++at) at->held_before_ns += held_ns;
}

std::deque<lock_feed::kept_event>::const_iterator lock_feed::find(std::uint64_t number) const {
  return std::lower_bound(events_.begin(), events_.end(), number,
                          [](kept_event const& one, std::uint64_t wanted) { return one.number < wanted; });
}

/// Finds whose holds fell within the wait of a `done`.
void lock_feed::blame(told_event& told) const {
  auto const& event = told.event;
  auto const from_ns = event.asked_ns;
  auto const until_ns = event.granted_ns != lock_event::never ? event.granted_ns : event.ended_ns;
  auto const overlap_ns = [&](std::int64_t granted_ns, std::int64_t ended_ns) {
    return std::max<std::int64_t>(0, std::min(ended_ns, until_ns) - std::max(granted_ns, from_ns));
  };
  struct suspect {
    std::int64_t held_ns;
    kept_event const* owner;
  };
  std::vector<suspect> suspects;

  auto const begin =
      std::partition_point(holds_.begin(), holds_.end(), [&](hold const& one) { return one.ended_ns <= from_ns; });
  auto const end =
      std::partition_point(begin, holds_.end(), [&](hold const& one) { return one.granted_ns < until_ns; });
  auto count = static_cast<std::uint64_t>(end - begin);
  std::int64_t total_ns = 0;
  if (count != 0) {
    auto const& last = *std::prev(end);
    auto const before_last_ns = last.held_before_ns - begin->held_before_ns;
    auto const clipped_ns =
        count > 1 ? (begin->ended_ns - begin->granted_ns) - overlap_ns(begin->granted_ns, begin->ended_ns) : 0;
    total_ns = before_last_ns - clipped_ns + overlap_ns(last.granted_ns, last.ended_ns);
  }
  auto const searched = std::min<std::uint64_t>(count, holds_searched_max);
  for (auto one = end - static_cast<std::ptrdiff_t>(searched); one != end; ++one) {
    auto const owner = find(one->number);
    if (owner != events_.end() && owner->number == one->number)
      suspects.push_back({overlap_ns(one->granted_ns, one->ended_ns), &*owner});
  }
  if (open_hold_ && open_hold_->event.id != event.id && open_hold_->event.granted_ns < until_ns) {
    auto const held_ns = overlap_ns(open_hold_->event.granted_ns, until_ns);
    ++count;
    total_ns += held_ns;
    suspects.push_back({held_ns, &*open_hold_});
  }

  auto const longest = suspects.begin() + static_cast<std::ptrdiff_t>(std::min(suspects.size(), behind_max));
  std::partial_sort(suspects.begin(), longest, suspects.end(),
                    [](suspect const& a, suspect const& b) { return a.held_ns > b.held_ns; });
  for (auto one = suspects.begin(); one != longest; ++one) {
    auto const& owner = one->owner->event;
    told.behind.push_back({owner.id, owner.source, owner.operation, one->owner->key, one->held_ns});
    --count;
    total_ns -= one->held_ns;
  }
  told.behind_others = count;
  told.behind_others_ns = total_ns;
}

told_event lock_feed::tell(kept_event const& kept) const {
  told_event told{kept.number, kept.event, kept.key, {}, 0, 0};
  if (kept.event.what == lock_event::kind::done && kept.event.position != 0) blame(told);
  return told;
}

std::uint64_t lock_feed::next_number() {
  std::scoped_lock const guard(mutex_);
  collect();
  return next_number_;
}

std::uint64_t lock_feed::take(std::uint64_t& number, std::size_t most, std::size_t backlog_max,
                              std::vector<told_event>& events) {
  std::scoped_lock const guard(mutex_);
  collect();
  number = std::min(number, next_number_);
  auto at = find(number);
  auto const backlog = static_cast<std::size_t>(events_.end() - at);
  if (backlog > backlog_max) at += static_cast<std::ptrdiff_t>(backlog - backlog_max);
  auto const first = at != events_.end() ? at->number : next_number_;
  auto const missed = first - number;
  number = first;
  // A gap further on is told with the next call, so that the loss stands where it was.
  for (std::size_t taken = 0; taken < most && at != events_.end() && at->number == number; ++taken, ++at, ++number)
    events.push_back(tell(*at));
  dropped_.fetch_add(missed, std::memory_order_relaxed);
  return missed;
}

std::vector<told_event> lock_feed::since(std::int64_t since_ns) {
  std::scoped_lock const guard(mutex_);
  collect();
  std::vector<told_event> found;
  for (auto const& kept : events_)
    if (time_of(kept.event) >= since_ns) found.push_back({kept.number, kept.event, kept.key, {}, 0, 0});
  return found;
}

}  // namespace holdfast::server
