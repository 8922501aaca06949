#include "server/insight/lock_feed.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>
#include <utility>

#include "server/insight/lock_json.hpp"

namespace holdfast::server {
namespace {

/// Keeps each thread's events in order: a thread's ids increase, and so do the kinds of one request.
bool is_earlier(event_ring::entry const& a, event_ring::entry const& b) {
  return std::tuple(time_of(a.event), a.event.id, a.event.what) <
         std::tuple(time_of(b.event), b.event.id, b.event.what);
}

}  // namespace

lock_feed::lock_feed(std::vector<event_ring const*> const& rings, std::uint64_t start, source_names const* names)
    : start_(start), names_(names) {
  for (auto const* one : rings) rings_.push_back({.ring = one});
}

/// Merges the events recorded so far by all threads in chronological order.
void lock_feed::collect() {
  // Another thread's earlier event must not be missed: the new owner records its grant after the previous owner's
  // release. So check all rings again until nothing was written in between.
  auto const has_moved = [&] {
    bool moved = false;
    for (auto& one : rings_)
      if (auto const now = one.ring->written(); now != std::exchange(one.end, now)) moved = true;
    return moved;
  };
  constexpr int looks_max = 64;
  for (int i = 0; i < looks_max && has_moved() && rings_.size() > 1; ++i) {
  }
  merge();
}

/// @param lost incremented by the number of overwritten events. @return true if there is another event before the end.
bool lock_feed::ring_reader::has_next(std::uint64_t& lost, bool is_alone) {
  while (next == piece.size() && cursor.word < end) {
    piece.clear();
    next = 0;
    lost += ring->read_some(cursor, end, piece);
    if (!is_alone) std::sort(piece.begin(), piece.end(), is_earlier);
  }
  return next < piece.size();
}

/// Merges the rings up to their ends. Reads them in pieces: reading all at once needs twice the rings' memory.
void lock_feed::merge() {
  for (;;) {
    ring_reader* first = nullptr;
    for (auto& one : rings_)
      if (one.has_next(next_number_, rings_.size() == 1))
        if (first == nullptr || is_earlier(one.piece[one.next], first->piece[first->next])) first = &one;
    if (first == nullptr) break;
    keep(std::move(first->piece[first->next++]));
  }
}

void lock_feed::keep(event_ring::entry&& one) {
  auto const number = next_number_++;
  if (one.event.what == lock_event::kind::granted) {
    open_hold_ = kept_event{number, one.event, one.key, {}};
  } else if (one.event.what == lock_event::kind::done) {
    if (open_hold_ && open_hold_->event.id == one.event.id) open_hold_.reset();
    if (one.event.granted_ns != lock_event::never) keep_hold(number, one.event);
  }
  events_.push_back({number, one.event, std::move(one.key), {}});
  bytes_ += events_.back().bytes();
  forget_oldest();
}

void lock_feed::forget_oldest() {
  while (events_.size() > events_max || bytes_ > bytes_max) {
    auto const& gone = events_.front();
    bytes_ -= gone.bytes();
    if (!holds_.empty() && holds_.front().number <= gone.number) holds_.pop_front();
    events_.pop_front();
  }
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

lock_feed::kept_events::iterator lock_feed::find(std::uint64_t number) {
  return std::lower_bound(events_.begin(), events_.end(), number,
                          [](kept_event const& one, std::uint64_t wanted) { return one.number < wanted; });
}

/// Finds the holds that overlap the wait of a `done` event.
void lock_feed::blame(told_event& told) {
  auto const& event = told.event;
  auto const from_ns = event.asked_ns;
  auto const until_ns = event.granted_ns != lock_event::never ? event.granted_ns : event.ended_ns;
  auto const overlap_ns = [&](std::int64_t granted_ns, std::int64_t ended_ns) {
    return std::max<std::int64_t>(0, std::min(ended_ns, until_ns) - std::max(granted_ns, from_ns));
  };

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

  // The longest holds so far in descending order; of equal ones the earlier comes first. Most holds are shorter than
  // the eighth, so insertion is rare.
  struct suspect {
    std::int64_t held_ns;
    std::uint64_t number;  // of its `done`; 0 if it still holds
  };
  std::array<suspect, behind_max> longest;
  std::size_t suspects = 0;
  auto const suspect_one = [&](suspect const& one) {
    if (suspects == behind_max && one.held_ns <= longest.back().held_ns) return;
    auto at = suspects < behind_max ? suspects++ : behind_max - 1;
    for (; at > 0 && longest[at - 1].held_ns < one.held_ns; --at) longest[at] = longest[at - 1];
    longest[at] = one;
  };
  auto const searched = std::min<std::uint64_t>(count, holds_searched_max);
  for (auto one = end - static_cast<std::ptrdiff_t>(searched); one != end; ++one)
    suspect_one({overlap_ns(one->granted_ns, one->ended_ns), one->number});
  if (open_hold_ && open_hold_->event.id != event.id && open_hold_->event.granted_ns < until_ns) {
    auto const held_ns = overlap_ns(open_hold_->event.granted_ns, until_ns);
    ++count;
    total_ns += held_ns;
    suspect_one({held_ns, 0});
  }

  for (std::size_t i = 0; i < suspects; ++i) {
    auto const* owner = open_hold_ ? &*open_hold_ : nullptr;
    if (longest[i].number != 0) {
      auto const at = find(longest[i].number);
      if (at == events_.end() || at->number != longest[i].number) continue;
      owner = &*at;
    }
    auto const& by = owner->event;
    told.behind.push_back({by.id, by.source, by.operation, owner->key, longest[i].held_ns});
    --count;
    total_ns -= longest[i].held_ns;
  }
  told.behind_others = count;
  told.behind_others_ns = total_ns;
}

void lock_feed::write(kept_event& kept) {
  told_event told{kept.number, kept.event, kept.key, {}, 0, 0};
  if (kept.event.what == lock_event::kind::done && kept.event.position != 0) blame(told);
  text_.clear();
  kept.json_begins = append_message(text_, told, start_, names_);
  kept.text = text_;  // a copy has no spare capacity
  bytes_ += kept.text.size();
  written_.fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t lock_feed::next_number() {
  std::scoped_lock const guard(mutex_);
  collect();
  return next_number_;
}

std::size_t lock_feed::bytes() {
  std::scoped_lock const guard(mutex_);
  return bytes_;
}

lock_feed::taken lock_feed::take(std::uint64_t& number, portion const& most, event_format format, std::string& out) {
  std::scoped_lock const guard(mutex_);
  collect();
  number = std::min(number, next_number_);
  auto at = find(number);
  auto const backlog = static_cast<std::size_t>(events_.end() - at);
  if (backlog > most.backlog_max) at += static_cast<std::ptrdiff_t>(backlog - most.backlog_max);
  auto const first = at != events_.end() ? at->number : next_number_;
  // Report a gap in an answer of its own, so that it appears at its place in the stream.
  if (auto const missed = first - number; missed != 0) {
    number = first;
    dropped_.fetch_add(missed, std::memory_order_relaxed);
    return {.missed = missed, .events = 0, .more = at != events_.end()};
  }
  taken got;
  auto const enough = out.size() + most.bytes_max;
  for (; got.events < most.events_max && out.size() < enough && at != events_.end() && at->number == number; ++at) {
    if (at->text.empty()) write(*at);
    auto const text = std::string_view(at->text);
    // NDJSON is the same JSON with one of its two line ends.
    out += format == event_format::sse ? text : text.substr(at->json_begins, text.size() - 1 - at->json_begins);
    ++got.events;
    ++number;
  }
  got.more = at != events_.end();
  forget_oldest();
  return got;
}

lock_feed::range lock_feed::numbers_since(std::int64_t since_ns) {
  std::scoped_lock const guard(mutex_);
  collect();
  auto const first = std::partition_point(events_.begin(), events_.end(),
                                          [&](kept_event const& one) { return time_of(one.event) < since_ns; });
  return {first != events_.end() ? first->number : next_number_, next_number_};
}

std::uint64_t lock_feed::find_ended(std::uint64_t& number, std::uint64_t until, ended_requests& requests) {
  constexpr std::size_t found_max = 64;
  constexpr int looked_at_max = 1024;
  requests.found.clear();
  std::scoped_lock const guard(mutex_);
  auto at = find(number);
  auto const is_next = [&](std::uint64_t wanted) {
    return wanted < until && at != events_.end() && at->number == wanted;
  };
  if (!is_next(number)) {
    auto const next = at != events_.end() ? std::min(at->number, until) : until;
    return next - std::exchange(number, next);
  }
  auto const copy = [](kept_event const& kept) { return ended_request{kept.number, kept.event, kept.key}; };
  for (int i = 0; i < looked_at_max && requests.found.size() < found_max && is_next(number); ++i, ++at, ++number)
    if (at->event.what == lock_event::kind::done) requests.found.push_back(copy(*at));

  auto& owner = requests.next_owner;
  if (owner && owner->number >= number) return 0;
  owner.reset();
  auto& sought = requests.owners_sought_until;
  sought = std::max(sought, number);
  for (at = find(sought); is_next(sought) && !owner; ++at, ++sought)
    if (at->is_of_owner()) owner = copy(*at);
  return 0;
}

}  // namespace holdfast::server
