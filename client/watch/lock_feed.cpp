#include "client/watch/lock_feed.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

namespace holdfast::client::watch {

using nlohmann::json;

lock_feed::lock_feed(executor on, resuming_stream::settings settings, std::string from)
    : stream_(on, std::move(settings),
              [this] {
                query wanted;
                wanted.add("format", "ndjson");
                // An id of an earlier process is not an error: the server sends `lost`, and then its first event.
                if (!last_id_.empty()) wanted.add("from", last_id_);
                return resuming_stream::request{"/v1/lock/events" + wanted.text(), {}};
              }),
      last_id_(std::move(from)) {}

void lock_feed::say(std::string const& what) const {
  if (on_news) on_news(what);
}

/// Reads the server and the number from an event.
void lock_feed::take_note(std::string_view line) {
  auto const event = json::parse(line, nullptr, false);
  if (!event.is_object()) return;
  if (auto const life = event.find("start"); life != event.end() && life->is_string()) {
    auto const now = life->get<std::string>();
    if (auto const before = std::exchange(life_, now); !before.empty() && before != now) {
      say("the server was restarted; its events follow from the first one on");
      last_id_ = life_ + "-0";
    }
  }
  if (auto const number = event.find("seq"); number != event.end() && number->is_number_unsigned())
    last_id_ = (life_.empty() ? "" : life_ + '-') + std::to_string(number->get<std::uint64_t>());
}

awaitable<result<std::string>> lock_feed::next() {
  for (;;) {
    auto item = co_await stream_.next();
    if (!item) co_return item.error();
    switch (item->is) {
      case resuming_stream::event::broken:
        say(item->text + "; trying again");
        is_coming_back_ = true;
        continue;
      case resuming_stream::event::resumed:
        if (std::exchange(is_coming_back_, false)) say("connected again");
        continue;
      case resuming_stream::event::line:
        break;
    }
    take_note(item->text);
    co_return std::move(item->text);
  }
}

}  // namespace holdfast::client::watch
