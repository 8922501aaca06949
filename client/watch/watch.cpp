#include "client/watch/watch.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "client/json_parts.hpp"
#include "client/watch/event_text.hpp"
#include "protocol/json.hpp"

namespace holdfast::client::watch {
namespace {

template <class T>
std::optional<T> number_in(std::string_view json) {
  T number{};
  auto const [end, failed] = std::from_chars(json.data(), json.data() + json.size(), number);
  if (failed != std::errc() || end != json.data() + json.size()) return std::nullopt;
  return number;
}

/// The `<database>` of an id.
std::string_view database_of(std::string_view id) {
  return id.substr(0, id.rfind('-'));
}

}  // namespace

watch::watch(executor on, watch_settings settings)
    : settings_(std::move(settings)),
      stream_(on, settings_.stream, [this] { return request(); }),
      last_id_(settings_.after),
      is_live_(!settings_.initial || !settings_.after.empty()) {}

resuming_stream::request watch::request() const {
  query wanted;
  if (settings_.key) {
    wanted.add("key", *settings_.key);
  } else {
    wanted.add("prefix", settings_.prefix);
  }
  wanted.add("format", "ndjson");
  if (!is_live_) wanted.add("initial", "true");
  // Unlike with `from`, a server that no longer has the next changes continues, and reports the gap.
  if (!last_id_.empty()) return {"/v1/watch" + wanted.text(), "Last-Event-ID: " + last_id_ + "\r\n"};
  if (settings_.from) wanted.add("from", std::to_string(*settings_.from));
  return {"/v1/watch" + wanted.text(), {}};
}

change watch::loss() const {
  change lost;
  lost.kind = change_kind::lost;
  lost.id = last_id_;
  lost.json = R"({"event":"lost"})";
  return lost;
}

/// Records a change. @return false if it was received before
bool watch::is_news(change const& one) {
  if (!is_live_) return true;
  if (one.revision <= last_revision_) return false;
  last_revision_ = one.revision;
  last_id_ = one.id;
  return true;
}

awaitable<result<change>> watch::next() {
  if (set_aside_) {
    auto one = *std::exchange(set_aside_, std::nullopt);
    if (is_news(one)) co_return one;
  }
  for (;;) {
    auto item = co_await stream_.next();
    if (!item) co_return item.error();
    if (item->is == resuming_stream::event::broken) {
      // Within the initial values, no id tells where to continue; nor before the first one.
      has_gap_ = has_gap_ || (is_live_ ? last_id_.empty() && !settings_.from : has_shown_);
      if (on_interruption) on_interruption(item->text);
      continue;
    }
    if (item->is == resuming_stream::event::resumed) {
      if (!std::exchange(has_gap_, false)) continue;
      has_shown_ = false;
      co_return loss();
    }
    auto read = read_change(std::move(item->text));
    if (!read) co_return read.error();
    if (!*read) continue;
    auto& one = *read;
    auto const is_of_another_database = is_live_ && one->kind != change_kind::lost && !last_id_.empty() &&
                                        !one->id.empty() && database_of(one->id) != database_of(last_id_);
    if (is_of_another_database) {
      // The server should have said so itself.
      last_id_.clear();
      last_revision_ = 0;
      if (one->kind != change_kind::progress) set_aside_ = std::move(one);
      co_return loss();
    }
    switch (one->kind) {
      case change_kind::progress:
        if (is_live_ && !one->id.empty()) last_id_ = one->id;
        continue;
      case change_kind::live:
        is_live_ = true;
        last_id_ = one->id;
        break;
      case change_kind::lost:
        last_id_ = settings_.initial ? std::string() : one->id;
        last_revision_ = 0;
        has_shown_ = false;
        if (settings_.initial) {
          is_live_ = false;
          stream_.restart();
        }
        break;
      default:
        if (!is_news(*one)) continue;
        has_shown_ = true;
    }
    co_return std::move(*one);
  }
}

result<std::optional<change>> read_change(std::string line) {
  auto const unreadable = [](std::string const& why) {
    return error{error_kind::bad_answer, "a line of the watch can't be read: " + why, {}};
  };
  if (auto const valid = protocol::check_json(line, protocol::json_depth_with_values_max); !valid)
    return unreadable(valid.error().detail);
  change one;
  std::string event;
  for (auto const& [name, value] : members_of(line)) {
    if (name == "event") event = string_in(value);
    if (name == "id") one.id = string_in(value);
    if (name == "key") one.key = string_in(value);
    if (name == "revision") one.revision = number_in<std::uint64_t>(value).value_or(0);
    if (name == "previous" && value != "0") one.previous = number_in<std::uint64_t>(value);
    if (name == "value") one.value = value;
    if (name == "ttl") one.ttl_s = number_in<double>(value);
  }
  constexpr std::array kinds{std::pair{"put", change_kind::put},        std::pair{"delete", change_kind::removed},
                             std::pair{"expire", change_kind::expired}, std::pair{"live", change_kind::live},
                             std::pair{"lost", change_kind::lost},      std::pair{"progress", change_kind::progress}};
  auto const* const kind = std::ranges::find(kinds, event, &std::pair<char const*, change_kind>::first);
  if (event.empty()) return unreadable("it names no event");
  if (kind == kinds.end()) return std::optional<change>();
  one.kind = kind->second;
  one.json = std::move(line);
  return std::optional(std::move(one));
}

std::string text_of(change const& one) {
  auto const of_key = [&](char const* verb) {
    return std::string(verb) + printable(one.key) + "  " + std::to_string(one.revision);
  };
  switch (one.kind) {
    case change_kind::put: {
      auto text = of_key("put     ");
      if (one.ttl_s) text += "  expires in " + duration_text(static_cast<long long>(*one.ttl_s * 1e9));
      return text + "  " + printable(one.value);
    }
    case change_kind::removed:
      return of_key("delete  ");
    case change_kind::expired:
      return of_key("expire  ");
    case change_kind::live:
      return "live    that was all; what follows happens now";
    case change_kind::lost:
      return "lost    changes are missing here";
    case change_kind::progress:
      break;
  }
  return {};
}

}  // namespace holdfast::client::watch
