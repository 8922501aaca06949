#include "server/insight/lock_trace.hpp"

#include <algorithm>
#include <functional>

#include "protocol/request_id.hpp"
#include "server/insight/lock_json.hpp"

namespace holdfast::server {
namespace {

/// @param more appended to the name
void begin(std::string& out, std::string_view phase, std::string_view name, std::string_view more = {}) {
  ((((out += ",\n{\"ph\":\"") += phase) += "\",\"name\":\"") += name) += more;
  out += "\",\"pid\":1";
}

/// Writes microseconds with nanosecond precision.
void append_time(std::string& out, std::int64_t ns) {
  (out += ",\"ts\":") += std::to_string(ns / 1000);
  (out += '.') += std::to_string(1000 + ns % 1000).substr(1);
}

void append_track(std::string& out, std::size_t id) {
  (out += ",\"tid\":") += std::to_string(id);
}

void write_arrow(std::string& out, std::string_view phase, std::size_t track, std::uint64_t id, std::int64_t at_ns) {
  begin(out, phase, "hand-off");
  append_track(out, track);
  (out += ",\"cat\":\"lock\",\"id\":") += std::to_string(id);
  if (phase == "f") out += ",\"bp\":\"e\"";
  append_time(out, at_ns);
  out += '}';
}

}  // namespace

/// One request in the trace.
struct lock_trace::visit {
  visit(lock_event const& its_event, std::string_view its_key, std::int64_t since_ns, std::int64_t until_ns,
        bool goes_on)
      : event(&its_event), key(its_key), is_open(goes_on), held(its_event.granted_ns != lock_event::never) {
    asked_ns = std::max(event->asked_ns, since_ns);
    wait_ended_ns = std::max(held ? event->granted_ns : until_ns, asked_ns);
    ended_ns = std::max(until_ns, wait_ended_ns);
    waited = event->position != 0 && wait_ended_ns > asked_ns;
  }

  [[nodiscard]] std::string_view outcome() const {
    if (!is_open) return name_of(event->outcome);
    return held ? "holds now" : "waits now";
  }

  lock_event const* event;
  std::string_view key;
  bool is_open, held, waited = false;
  std::int64_t asked_ns = 0, wait_ended_ns = 0, ended_ns = 0;  // clipped to the trace
  bool takes_over = false;                                     // an arrow ends at its hold
  std::uint64_t next_id = 0;  // the request to which an arrow from its hold leads; 0 for none
};

lock_trace::lock_trace(lock_feed& feed, present_requests present, std::int64_t since_ns, std::int64_t now_ns,
                       std::uint64_t start)
    : feed_(feed),
      since_ns_(since_ns),
      now_ns_(now_ns),
      start_(start),
      present_(std::move(present)),
      listed_ended_(present_.listed.size()),
      unlisted_ended_(present_.unlisted.size()) {
  auto const numbers = feed_.numbers_since(since_ns);
  next_number_ = numbers.first;
  until_ = numbers.next;
  std::sort(present_.listed.begin(), present_.listed.end(),
            [](event_ring::entry const& a, event_ring::entry const& b) { return a.event.id < b.event.id; });
  std::sort(present_.unlisted.begin(), present_.unlisted.end(),
            [](present_requests::waiter const& a, present_requests::waiter const& b) { return a.id < b.id; });
}

lock_trace::~lock_trace() = default;

std::size_t lock_trace::bytes() const {
  auto bytes = queue_.capacity() * sizeof(queue_change) +
               tracks_.size() * (sizeof(std::pair<track_key const, std::size_t>) + 4 * sizeof(void*)) +
               present_.listed.capacity() * sizeof(event_ring::entry) +
               present_.unlisted.capacity() * sizeof(present_requests::waiter) +
               ended_.found.capacity() * sizeof(lock_feed::ended_request);
  for (auto const& one : present_.listed) bytes += one.key.size();
  for (auto const& one : ended_.found) bytes += one.key.size();
  return bytes;
}

/// Fetches more ended requests from the feed.
void lock_trace::find_next() {
  next_ended_ = 0;
  auto const lost = feed_.find_ended(next_number_, until_, ended_);
  if (lost == 0) return;
  lost_ += lost;
  // An arrow to this owner may have been written already, so write the owner although the feed has lost it.
  if (ended_.next_owner && ended_.next_owner->number < next_number_) {
    --lost_;
    ended_.found.push_back(*std::exchange(ended_.next_owner, std::nullopt));
  }
}

void lock_trace::forget_present(std::uint64_t id) {
  auto const forget = [id](auto const& all, std::vector<bool>& ended, auto id_of) {
    auto const at = std::partition_point(all.begin(), all.end(), [&](auto const& one) { return id_of(one) < id; });
    if (at != all.end() && id_of(*at) == id) ended[static_cast<std::size_t>(at - all.begin())] = true;
  };
  forget(present_.listed, listed_ended_, [](event_ring::entry const& one) { return one.event.id; });
  forget(present_.unlisted, unlisted_ended_, [](present_requests::waiter const& one) { return one.id; });
}

lock_event const* lock_trace::present_owner_after(lock_event const& event) const {
  lock_event const* found = nullptr;
  for (std::size_t i = 0; i < present_.listed.size(); ++i) {
    auto const& one = present_.listed[i].event;
    if (listed_ended_[i] || one.granted_ns < event.granted_ns) continue;
    if (found == nullptr || one.granted_ns < found->granted_ns) found = &one;
  }
  return found;
}

/// The owner after the request that is written next; null if there is none or it is unknown.
lock_event const* lock_trace::next_owner() const {
  for (auto i = next_ended_ + 1; i < ended_.found.size(); ++i)
    if (ended_.found[i].event.granted_ns != lock_event::never) return &ended_.found[i].event;
  if (ended_.next_owner) return &ended_.next_owner->event;
  return ended_.owners_sought_until == until_ ? present_owner_after(ended_.found[next_ended_].event) : nullptr;
}

void lock_trace::write_ended(std::string& out, lock_feed::ended_request const& request) {
  auto const& event = request.event;
  forget_present(event.id);
  if (event.ended_ns < since_ns_) return;
  write_loss(out, event.ended_ns);
  visit one(event, request.key, since_ns_, event.ended_ns, false);
  if (one.held) {
    one.takes_over = std::exchange(arrow_to_, 0) == event.id;
    // A request that released before the other asked did not delay it; the record of the one that did is lost.
    auto const* const next = next_owner();
    if (next != nullptr && next->position != 0 && event.ended_ns >= next->asked_ns &&
        next->granted_ns >= event.granted_ns)
      arrow_to_ = one.next_id = next->id;
  }
  write(out, one);
}

void lock_trace::write_present(std::string& out, event_ring::entry const& request) {
  visit one(request.event, request.key, since_ns_, now_ns_, true);
  one.takes_over = arrow_to_ == request.event.id;
  write(out, one);
}

void lock_trace::write_loss(std::string& out, std::int64_t at_ns) {
  if (lost_ == lost_told_) return;
  begin(out, "C", "lost events");
  append_time(out, at_ns);
  ((out += ",\"args\":{\"lost\":") += std::to_string(lost_ - std::exchange(lost_told_, lost_))) += "}}";
}

/// Call when all changes of the queue's length are known.
void lock_trace::end_queue() {
  for (std::size_t i = 0; i < present_.unlisted.size(); ++i)
    if (auto const asked_ns = std::max(present_.unlisted[i].asked_ns, since_ns_);
        !unlisted_ended_[i] && asked_ns < now_ns_)
      queue_.push_back(2 * asked_ns + 1);
  std::make_heap(queue_.begin(), queue_.end(), std::greater<>());
}

/// Writes the next change of the queue's length. @return false if there is none.
bool lock_trace::write_queue(std::string& out) {
  auto at_ns = now_ns_;
  if (!queue_.empty()) {
    at_ns = queue_.front() / 2;
    while (!queue_.empty() && queue_.front() / 2 == at_ns) {
      queue_length_ += queue_.front() % 2 != 0 ? 1 : -1;
      std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
      queue_.pop_back();
    }
  } else if (queue_told_ns_ < 0 || queue_told_ns_ >= now_ns_) {
    return false;
  }
  begin(out, "C", "queue");
  append_time(out, at_ns);
  ((out += ",\"args\":{\"waiting\":") += std::to_string(queue_length_)) += "}}";
  queue_told_ns_ = at_ns;
  return true;
}

std::size_t lock_trace::track_of(std::string& out, peer_address const& source) {
  if (tracks_.size() == tracks_max) tracks_.clear();
  track_key const key{source.bytes, std::uint64_t{source.name} << 24U | std::uint64_t{source.port} << 8U |
                                        static_cast<std::uint64_t>(source.is)};
  auto const [found, is_new] = tracks_.emplace(key, last_track_ + 1);
  if (is_new) {
    ++last_track_;
    begin(out, "M", "thread_name");
    append_track(out, found->second);
    out += ",\"args\":{\"name\":";
    append_json_string(out, feed_.text_of(source));
    out += "}}";
  }
  return found->second;
}

/// speedscope matches an end with its slice only if both have the same arguments.
void lock_trace::write_edge(std::string& out, std::string_view phase, visit const& one, std::string_view does,
                            std::size_t track, std::int64_t at_ns) const {
  auto const& event = *one.event;
  auto const waits = does == "waits";
  begin(out, phase, name_of(event.operation), waits ? " waits" : " holds");
  out += waits ? ",\"cat\":\"wait\"" : ",\"cat\":\"hold\"";
  append_track(out, track);
  append_time(out, at_ns);
  (out += ",\"args\":{\"id\":") += std::to_string(event.id);
  if (!event.source.is_server()) {
    out += ",\"request_id\":";
    append_json_string(out, to_string(protocol::request_id{start_, event.id}));
  }
  out += ",\"key\":";
  append_json_string(out, one.key);
  ((out += ",\"position\":") += std::to_string(event.position)) += ",\"outcome\":\"";
  (out += one.outcome()) += "\"}}";
}

/// Writes begin and end events, not complete events with a duration: a reader that adds start and duration in floating
/// point gets a different instant than the start of the next slice, and sees the two as overlapping. Events at the same
/// instant are written in order, and an arrow within its slice.
void lock_trace::write(std::string& out, visit const& one) {
  auto const track = track_of(out, one.event->source);
  if (one.waited) {
    queue_.push_back(2 * one.asked_ns + 1);
    if (one.held || !one.is_open) queue_.push_back(2 * one.wait_ended_ns);
    write_edge(out, "B", one, "waits", track, one.asked_ns);
    write_edge(out, "E", one, "waits", track, one.wait_ended_ns);
  }
  if (!one.held) return;
  write_edge(out, "B", one, "holds", track, one.wait_ended_ns);
  if (one.takes_over) write_arrow(out, "f", track, one.event->id, one.wait_ended_ns);
  // A slice does not include the instant of its end, so start the arrow just before.
  if (one.next_id != 0) write_arrow(out, "s", track, one.next_id, std::max(one.wait_ended_ns, one.ended_ns - 1));
  write_edge(out, "E", one, "holds", track, one.ended_ns);
}

void lock_trace::write_end(std::string& out) const {
  out += "\n]";
  if (lost_ != 0) (((out += ",\"otherData\":{\"lost_events\":") += std::to_string(lost_)) += '}');
  out += "}\n";
}

bool lock_trace::append_piece(std::string& out) {
  auto const enough = out.size() + piece_bytes;
  if (!std::exchange(is_begun_, true))
    out +=
        "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
        R"({"ph":"M","name":"process_name","pid":1,"args":{"name":"holdfast-server"}})";
  while (out.size() < enough) {
    if (next_ended_ < ended_.found.size()) {
      write_ended(out, ended_.found[next_ended_]);
      ++next_ended_;
    } else if (next_number_ < until_) {
      find_next();
    } else if (next_present_ < present_.listed.size()) {
      if (!listed_ended_[next_present_]) write_present(out, present_.listed[next_present_]);
      ++next_present_;
    } else {
      write_loss(out, now_ns_);
      if (!std::exchange(queue_is_ended_, true)) end_queue();
      if (write_queue(out)) continue;
      write_end(out);
      return false;
    }
  }
  return true;
}

}  // namespace holdfast::server
