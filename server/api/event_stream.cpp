#include "server/api/event_stream.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/entity_tag.hpp"
#include "server/api/answers.hpp"

namespace holdfast::server {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t burst_max = event_stream::events_per_second_max / 5;
constexpr std::size_t events_at_once = 32;

std::string hexadecimal(std::uint64_t start) {
  char text[16];
  return {text, protocol::write_start(text, start)};
}

double ms_of(nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

ordered_json to_json(live_settings const& settings) {
  return {{"read_hold_ms", ms_of(settings.read_hold())},
          {"writer_period_ms", ms_of(settings.writer_period())},
          {"live", settings.is_live()}};
}

}  // namespace

event_stream::event_stream(insight& source, live_settings const& settings, event_format format,
                           std::optional<std::uint64_t> after)
    : source_(source), settings_(settings), format_(format), settings_version_(settings.version()) {
  auto const next = source_.feed.next_number();
  next_ = after && *after < next ? *after + 1 : next;
  next_commit_ = after ? 0 : source_.commits.next_number();
}

void event_stream::append(std::string& out, std::string_view type, std::string_view json) {
  if (format_ == event_format::sse) {
    ((((out += "id: ") += hexadecimal(source_.start)) += '-') += std::to_string(next_ - 1));
    (((out += "\nevent: ") += type) += "\ndata: ") += json;
    out += "\n\n";
  } else {
    (out += json) += '\n';
  }
}

void event_stream::append_hello(std::string& out, std::int64_t now_ns) {
  ordered_json const hello{{"type", "hello"},
                           {"now_ns", now_ns},
                           {"started_at", text_of(source_.started_on)},
                           {"start", hexadecimal(source_.start)},
                           {"settings", to_json(settings_)}};
  append(out, "hello", hello.dump());
  told_at_ns_ = refilled_at_ns_ = now_ns;
}

void event_stream::append_lost(std::string& out) {
  append(out, "lost", ordered_json{{"type", "lost"}, {"start", hexadecimal(source_.start)}}.dump());
}

/// Appends what was committed since the last call as one message, because a commit is useful only with the others of
/// its time. @return true if there may be more.
bool event_stream::append_commits(std::string& out) {
  auto const commits = source_.commits.take(next_commit_, commits_at_once);
  if (commits.empty()) return false;
  std::string json = R"({"type":"commits","commits":[)";
  for (auto const& one : commits) {
    if (json.back() != '[') json += ',';
    json += '[' + std::to_string(one.began_ns) + ',' + std::to_string(one.ended_ns) + ',' +
            std::to_string(one.changes) + ']';
  }
  append(out, "commits", json += "]}");
  return commits.size() == commits_at_once;
}

bool event_stream::append_news(std::string& out, std::int64_t now_ns) {
  auto const enough = out.size() + bytes_at_once;
  auto const before = out.size();
  auto const earned = static_cast<std::uint64_t>(now_ns - refilled_at_ns_) * events_per_second_max / 1'000'000'000;
  if (earned != 0) {
    allowed_ = std::max(allowed_, std::min(allowed_ + earned, burst_max));
    refilled_at_ns_ = now_ns;
  }
  if (auto const version = settings_.version(); version != settings_version_) {
    settings_version_ = version;
    append(out, "settings", ordered_json{{"type", "settings"}, {"settings", to_json(settings_)}}.dump());
  }
  auto const more_commits = append_commits(out);
  bool more = true;
  while (more && out.size() < enough) {
    lock_feed::portion const most{
        .events_max = events_at_once, .bytes_max = enough - out.size(), .backlog_max = allowed_};
    auto const got = source_.feed.take(next_, most, format_, out);
    more = got.more;
    allowed_ -= got.events;
    if (got.missed != 0) append(out, "dropped", ordered_json{{"type", "dropped"}, {"count", got.missed}}.dump());
  }
  if (out.size() == before && now_ns - told_at_ns_ >= silence_ns_max)
    append(out, "heartbeat", ordered_json{{"type", "heartbeat"}, {"now_ns", now_ns}}.dump());
  if (out.size() != before) told_at_ns_ = now_ns;
  return more || more_commits;
}

}  // namespace holdfast::server
