#include "server/insight/lock_trace.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <vector>

#include "protocol/request_id.hpp"
#include "server/insight/lock_json.hpp"

namespace holdfast::server {
namespace {

/// A request's part of the trace.
struct visit {
  lock_event const* event = nullptr;
  std::string_view key;
  bool is_open = false;                                        // it goes on
  std::int64_t asked_ns = 0, wait_ended_ns = 0, ended_ns = 0;  // within the trace
  bool waited = false, held = false;
  bool takes_over = false, hands_over = false;  // an arrow leads to its hold, and from it
  std::uint64_t next_id = 0;                    // whom the latter leads to

  [[nodiscard]] std::string_view outcome() const {
    if (!is_open) return name_of(event->outcome);
    return held ? "holds now" : "waits now";
  }
};

visit visit_of(lock_event const& event, std::string_view key, std::int64_t since_ns, std::int64_t ended_ns,
               bool is_open) {
  visit made{.event = &event, .key = key, .is_open = is_open};
  made.held = event.granted_ns != lock_event::never;
  made.asked_ns = std::max(event.asked_ns, since_ns);
  made.wait_ended_ns = std::max(made.held ? event.granted_ns : ended_ns, made.asked_ns);
  made.ended_ns = std::max(ended_ns, made.wait_ended_ns);
  made.waited = event.position != 0 && made.wait_ended_ns > made.asked_ns;
  return made;
}

/// Says from whose hold the lock went straight to whose.
void find_hand_overs(std::vector<visit>& visits) {
  std::vector<visit*> owners;
  for (auto& one : visits)
    if (one.held) owners.push_back(&one);
  std::sort(owners.begin(), owners.end(),
            [](visit const* a, visit const* b) { return a->event->granted_ns < b->event->granted_ns; });
  for (std::size_t i = 1; i < owners.size(); ++i) {
    auto &from = *owners[i - 1], &to = *owners[i];
    // Who let go before the other asked is not the one who made him wait: that one's record is lost.
    if (from.is_open || to.event->position == 0 || from.event->ended_ns < to.event->asked_ns) continue;
    from.hands_over = to.takes_over = true;
    from.next_id = to.event->id;
  }
}

class trace_writer {
 public:
  explicit trace_writer(std::uint64_t start) : start_(start) {
    begin("M", "process_name");
    out_ += ",\"args\":{\"name\":\"holdfast-server\"}}";
  }

  /// A beginning and an end instead of one complete event: a reader that adds a duration to a beginning, in floating
  /// point, gets another instant than the next slice's beginning, and takes the two for overlapping. What belongs
  /// together at one instant stands in its order, and an arrow within its slice.
  void write(visit const& one) {
    auto const track = track_of(one.event->source);
    if (one.waited) {
      edge("B", one, "waits", track, one.asked_ns);
      edge("E", one, "waits", track, one.wait_ended_ns);
    }
    if (!one.held) return;
    edge("B", one, "holds", track, one.wait_ended_ns);
    if (one.takes_over) arrow("f", track, one.event->id, one.wait_ended_ns);
    // The end of a slice belongs to it only up to its last instant.
    if (one.hands_over) arrow("s", track, one.next_id, std::max(one.wait_ended_ns, one.ended_ns - 1));
    edge("E", one, "holds", track, one.ended_ns);
  }

  void queue_length(std::int64_t at_ns, int length) {
    begin("C", "queue");
    time(at_ns);
    ((out_ += ",\"args\":{\"waiting\":") += std::to_string(length)) += "}}";
  }

  [[nodiscard]] std::string finish() { return "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[" + out_ + "\n]}\n"; }

 private:
  void begin(std::string_view phase, std::string_view name) {
    out_ += out_.empty() ? "\n{\"ph\":\"" : ",\n{\"ph\":\"";
    (((out_ += phase) += "\",\"name\":\"") += name) += "\",\"pid\":1";
  }

  /// Microseconds to the nanosecond.
  void time(std::int64_t ns) {
    (out_ += ",\"ts\":") += std::to_string(ns / 1000);
    (out_ += '.') += std::to_string(1000 + ns % 1000).substr(1);
  }

  void track(std::size_t id) { (out_ += ",\"tid\":") += std::to_string(id); }

  /// Each source has a track, in the order of their first events.
  std::size_t track_of(peer_address const& source) {
    auto const name = to_string(source);
    auto const [found, is_new] = tracks_.emplace(name, tracks_.size() + 1);
    if (is_new) {
      begin("M", "thread_name");
      track(found->second);
      out_ += ",\"args\":{\"name\":";
      append_json_string(out_, name);
      out_ += "}}";
    }
    return found->second;
  }

  /// speedscope takes an end for a slice's only where both carry the same arguments.
  void edge(std::string_view phase, visit const& one, std::string_view does, std::size_t track_id, std::int64_t at_ns) {
    auto const& event = *one.event;
    begin(phase, std::string(name_of(event.operation)) + ' ' + std::string(does));
    track(track_id);
    (out_ += ",\"cat\":\"") += does == "waits" ? "wait\"" : "hold\"";
    time(at_ns);
    (out_ += ",\"args\":{\"id\":") += std::to_string(event.id);
    if (event.source.is != peer_address::kind::writer) {
      out_ += ",\"request_id\":";
      append_json_string(out_, to_string(protocol::request_id{start_, event.id}));
    }
    out_ += ",\"key\":";
    append_json_string(out_, one.key);
    ((out_ += ",\"position\":") += std::to_string(event.position)) += ",\"outcome\":\"";
    (out_ += one.outcome()) += "\"}}";
  }

  void arrow(std::string_view phase, std::size_t track_id, std::uint64_t id, std::int64_t at_ns) {
    begin(phase, "hand-off");
    track(track_id);
    (out_ += ",\"cat\":\"lock\",\"id\":") += std::to_string(id);
    if (phase == "f") out_ += ",\"bp\":\"e\"";
    time(at_ns);
    out_ += '}';
  }

  std::uint64_t const start_;
  std::map<std::string, std::size_t> tracks_;
  std::string out_;
};

void write_queue(trace_writer& out, std::vector<visit> const& visits, std::int64_t now_ns) {
  std::vector<std::pair<std::int64_t, int>> changes;
  for (auto const& one : visits) {
    if (!one.waited) continue;
    changes.emplace_back(one.asked_ns, 1);
    if (one.held || !one.is_open) changes.emplace_back(one.wait_ended_ns, -1);
  }
  if (changes.empty()) return;
  std::sort(changes.begin(), changes.end());
  int length = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    length += changes[i].second;
    if (i + 1 < changes.size() && changes[i + 1].first == changes[i].first) continue;
    out.queue_length(changes[i].first, length);
  }
  if (now_ns > changes.back().first) out.queue_length(now_ns, length);
}

}  // namespace

std::string lock_trace_json(std::span<told_event const> events, std::span<event_ring::entry const> present,
                            std::int64_t since_ns, std::int64_t now_ns, std::uint64_t start) {
  std::vector<visit> visits;
  std::unordered_set<std::uint64_t> done;
  for (auto const& told : events) {
    if (told.event.what != lock_event::kind::done) continue;
    visits.push_back(visit_of(told.event, told.key, since_ns, told.event.ended_ns, false));
    done.insert(told.event.id);
  }
  for (auto const& one : present)
    if (!done.contains(one.event.id)) visits.push_back(visit_of(one.event, one.key, since_ns, now_ns, true));
  find_hand_overs(visits);
  trace_writer out(start);
  for (auto const& one : visits) out.write(one);
  write_queue(out, visits, now_ns);
  return out.finish();
}

}  // namespace holdfast::server
