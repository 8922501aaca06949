#include "server/insight/lock_trace.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

#include "protocol/request_id.hpp"
#include "server/insight/lock_json.hpp"

namespace holdfast::server {
namespace {

constexpr std::string_view process = ",\"pid\":1";

/// Writes one event after another, each with its commas.
class trace_writer {
 public:
  explicit trace_writer(std::uint64_t start) : start_(start) {}

  /// Begins an event with a phase and a name; `end()` ends it.
  trace_writer& begin(std::string_view phase, std::string_view name) {
    out_ += is_first_ ? "\n{\"ph\":\"" : ",\n{\"ph\":\"";
    is_first_ = false;
    ((out_ += phase) += "\",\"name\":");
    append_json_string(out_, name);
    out_ += process;
    return *this;
  }
  trace_writer& track(std::size_t id) { return member("tid", std::to_string(id)); }
  trace_writer& member(std::string_view name, std::string_view json) {
    (((out_ += ",\"") += name) += "\":") += json;
    return *this;
  }
  trace_writer& time(std::string_view name, std::int64_t ns) { return member(name, us(ns)); }
  trace_writer& who(told_event const& told) {
    out_ += ",\"args\":{\"id\":";
    out_ += std::to_string(told.event.id);
    if (told.event.source.is != peer_address::kind::writer) {
      out_ += ",\"request_id\":";
      append_json_string(out_, to_string(protocol::request_id{start_, told.event.id}));
    }
    out_ += ",\"key\":";
    append_json_string(out_, told.key);
    ((out_ += ",\"position\":") += std::to_string(told.event.position)) += ",\"outcome\":\"";
    (out_ += name_of(told.event.outcome)) += "\"}";
    return *this;
  }
  void end() { out_ += '}'; }

  [[nodiscard]] std::string finish() { return "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[" + out_ + "\n]}\n"; }

 private:
  /// Microseconds to the nanosecond.
  static std::string us(std::int64_t ns) {
    auto const rest = std::to_string(1000 + ns % 1000).substr(1);
    return std::to_string(ns / 1000) + '.' + rest;
  }

  std::uint64_t const start_;
  std::string out_;
  bool is_first_ = true;
};

/// Gives each source a track, in the order of their first events.
class track_list {
 public:
  std::size_t of(trace_writer& out, peer_address const& source) {
    auto const name = to_string(source);
    auto const [found, is_new] = tracks_.emplace(name, tracks_.size() + 1);
    if (is_new) {
      std::string args = "{\"name\":";
      append_json_string(args, name);
      out.begin("M", "thread_name").track(found->second).member("args", args += '}').end();
    }
    return found->second;
  }

 private:
  std::map<std::string, std::size_t> tracks_;
};

struct hold_end {
  std::int64_t granted_ns, ended_ns;
  std::size_t track;
  std::uint64_t id;
  bool waited;
};

void write_arrows(trace_writer& out, std::vector<hold_end> holds) {
  std::sort(holds.begin(), holds.end(), [](auto const& a, auto const& b) { return a.granted_ns < b.granted_ns; });
  for (std::size_t i = 1; i < holds.size(); ++i) {
    auto const &from = holds[i - 1], &to = holds[i];
    if (!to.waited) continue;
    auto const id = std::to_string(to.id);
    // The end of a slice belongs to it only up to its last instant.
    auto const left_ns = std::max(from.granted_ns, from.ended_ns - 1);
    out.begin("s", "hand-off").track(from.track).member("cat", "\"lock\"").member("id", id).time("ts", left_ns).end();
    out.begin("f", "hand-off")
        .track(to.track)
        .member("cat", "\"lock\"")
        .member("id", id)
        .member("bp", "\"e\"")
        .time("ts", to.granted_ns)
        .end();
  }
}

void write_queue(trace_writer& out, std::vector<std::pair<std::int64_t, int>> changes) {
  std::sort(changes.begin(), changes.end());
  int length = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    length += changes[i].second;
    if (i + 1 < changes.size() && changes[i + 1].first == changes[i].first) continue;
    out.begin("C", "queue")
        .time("ts", changes[i].first)
        .member("args", "{\"waiting\":" + std::to_string(std::max(0, length)) + '}')
        .end();
  }
}

}  // namespace

std::string lock_trace_json(std::span<told_event const> events, std::int64_t since_ns, std::uint64_t start) {
  trace_writer out(start);
  track_list tracks;
  out.begin("M", "process_name").member("args", "{\"name\":\"holdfast-server\"}").end();
  std::vector<hold_end> holds;
  std::vector<std::pair<std::int64_t, int>> queue;
  for (auto const& told : events) {
    auto const& event = told.event;
    if (event.what != lock_event::kind::done) continue;
    auto const track = tracks.of(out, event.source);
    auto const was_granted = event.granted_ns != lock_event::never;
    auto const wait_ended_ns = was_granted ? event.granted_ns : event.ended_ns;
    auto const asked_ns = std::max(event.asked_ns, since_ns);
    std::string const operation(name_of(event.operation));
    if (event.position != 0 && wait_ended_ns > asked_ns) {
      out.begin("X", operation + " waits").track(track).member("cat", "\"wait\"").time("ts", asked_ns);
      out.time("dur", wait_ended_ns - asked_ns).who(told).end();
      queue.emplace_back(asked_ns, 1);
      queue.emplace_back(wait_ended_ns, -1);
    }
    if (!was_granted) continue;
    auto const granted_ns = std::max(event.granted_ns, since_ns);
    out.begin("X", operation + " holds").track(track).member("cat", "\"hold\"").time("ts", granted_ns);
    out.time("dur", std::max<std::int64_t>(0, event.ended_ns - granted_ns)).who(told).end();
    holds.push_back({granted_ns, event.ended_ns, track, event.id, event.position != 0});
  }
  write_arrows(out, std::move(holds));
  write_queue(out, std::move(queue));
  return out.finish();
}

}  // namespace holdfast::server
