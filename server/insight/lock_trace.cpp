#include "server/insight/lock_trace.hpp"

#include <algorithm>
#include <unordered_set>

#include "protocol/request_id.hpp"
#include "server/insight/lock_json.hpp"

namespace holdfast::server {
namespace {

/// @param more of the name
void begin(std::string& out, std::string_view phase, std::string_view name, std::string_view more = {}) {
  ((((out += ",\n{\"ph\":\"") += phase) += "\",\"name\":\"") += name) += more;
  out += "\",\"pid\":1";
}

/// Microseconds to the nanosecond.
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

/// A request's part of the trace.
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
  std::int64_t asked_ns = 0, wait_ended_ns = 0, ended_ns = 0;  // within the trace
  bool takes_over = false;                                     // an arrow leads to its hold
  std::uint64_t next_id = 0;                                   // whom an arrow from its hold leads to; 0: nobody
};

lock_trace::lock_trace(std::vector<told_event> events, std::vector<event_ring::entry> present, std::int64_t since_ns,
                       std::int64_t now_ns, std::uint64_t start)
    : start_(start), events_(std::move(events)), present_(std::move(present)) {
  std::unordered_set<std::uint64_t> done;
  for (auto const& told : events_) {
    if (told.event.what != lock_event::kind::done) continue;
    visits_.emplace_back(told.event, told.key, since_ns, told.event.ended_ns, false);
    if (!present_.empty()) done.insert(told.event.id);
  }
  for (auto const& one : present_)
    if (!done.contains(one.event.id)) visits_.emplace_back(one.event, one.key, since_ns, now_ns, true);
  find_hand_overs();
  find_queue(now_ns);
}

lock_trace::~lock_trace() = default;

/// Says from whose hold the lock went straight to whose.
void lock_trace::find_hand_overs() {
  std::vector<visit*> owners;
  for (auto& one : visits_)
    if (one.held) owners.push_back(&one);
  std::sort(owners.begin(), owners.end(),
            [](visit const* a, visit const* b) { return a->event->granted_ns < b->event->granted_ns; });
  for (std::size_t i = 1; i < owners.size(); ++i) {
    auto &from = *owners[i - 1], &to = *owners[i];
    // Who let go before the other asked is not the one who made him wait: that one's record is lost.
    if (from.is_open || to.event->position == 0 || from.event->ended_ns < to.event->asked_ns) continue;
    to.takes_over = true;
    from.next_id = to.event->id;
  }
}

void lock_trace::find_queue(std::int64_t now_ns) {
  std::vector<std::pair<std::int64_t, int>> changes;
  for (auto const& one : visits_) {
    if (!one.waited) continue;
    changes.emplace_back(one.asked_ns, 1);
    if (one.held || !one.is_open) changes.emplace_back(one.wait_ended_ns, -1);
  }
  std::sort(changes.begin(), changes.end());
  int length = 0;
  for (auto const& [at_ns, by] : changes) {
    length += by;
    if (queue_.empty() || queue_.back().first != at_ns) queue_.emplace_back(at_ns, 0);
    queue_.back().second = length;
  }
  if (!queue_.empty() && now_ns > queue_.back().first) queue_.emplace_back(now_ns, length);
}

std::size_t lock_trace::track_of(std::string& out, peer_address const& source) {
  auto const name = to_string(source);
  auto const [found, is_new] = tracks_.emplace(name, tracks_.size() + 1);
  if (is_new) {
    begin(out, "M", "thread_name");
    append_track(out, found->second);
    out += ",\"args\":{\"name\":";
    append_json_string(out, name);
    out += "}}";
  }
  return found->second;
}

/// speedscope takes an end for a slice's only where both carry the same arguments.
void lock_trace::write_edge(std::string& out, std::string_view phase, visit const& one, std::string_view does,
                            std::size_t track, std::int64_t at_ns) const {
  auto const& event = *one.event;
  auto const waits = does == "waits";
  begin(out, phase, name_of(event.operation), waits ? " waits" : " holds");
  out += waits ? ",\"cat\":\"wait\"" : ",\"cat\":\"hold\"";
  append_track(out, track);
  append_time(out, at_ns);
  (out += ",\"args\":{\"id\":") += std::to_string(event.id);
  if (event.source.is != peer_address::kind::writer) {
    out += ",\"request_id\":";
    append_json_string(out, to_string(protocol::request_id{start_, event.id}));
  }
  out += ",\"key\":";
  append_json_string(out, one.key);
  ((out += ",\"position\":") += std::to_string(event.position)) += ",\"outcome\":\"";
  (out += one.outcome()) += "\"}}";
}

/// A beginning and an end instead of one complete event: a reader that adds a duration to a beginning, in floating
/// point, gets another instant than the next slice's beginning, and takes the two for overlapping. What belongs
/// together at one instant stands in its order, and an arrow within its slice.
void lock_trace::write(std::string& out, visit const& one) {
  auto const track = track_of(out, one.event->source);
  if (one.waited) {
    write_edge(out, "B", one, "waits", track, one.asked_ns);
    write_edge(out, "E", one, "waits", track, one.wait_ended_ns);
  }
  if (!one.held) return;
  write_edge(out, "B", one, "holds", track, one.wait_ended_ns);
  if (one.takes_over) write_arrow(out, "f", track, one.event->id, one.wait_ended_ns);
  // The end of a slice belongs to it only up to its last instant.
  if (one.next_id != 0) write_arrow(out, "s", track, one.next_id, std::max(one.wait_ended_ns, one.ended_ns - 1));
  write_edge(out, "E", one, "holds", track, one.ended_ns);
}

bool lock_trace::append_piece(std::string& out) {
  auto const enough = out.size() + piece_bytes;
  if (!std::exchange(is_begun_, true))
    out +=
        "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
        R"({"ph":"M","name":"process_name","pid":1,"args":{"name":"holdfast-server"}})";
  for (; next_visit_ < visits_.size(); ++next_visit_) {
    if (out.size() >= enough) return true;
    write(out, visits_[next_visit_]);
  }
  for (; next_queue_ < queue_.size(); ++next_queue_) {
    if (out.size() >= enough) return true;
    begin(out, "C", "queue");
    append_time(out, queue_[next_queue_].first);
    ((out += ",\"args\":{\"waiting\":") += std::to_string(queue_[next_queue_].second)) += "}}";
  }
  out += "\n]}\n";
  return false;
}

std::string lock_trace_json(std::vector<told_event> events, std::vector<event_ring::entry> present,
                            std::int64_t since_ns, std::int64_t now_ns, std::uint64_t start) {
  lock_trace trace(std::move(events), std::move(present), since_ns, now_ns, start);
  std::string all;
  while (trace.append_piece(all)) {
  }
  return all;
}

}  // namespace holdfast::server
