#include "client/watch/lock_feed.hpp"

#include <nlohmann/json.hpp>
#include <utility>

namespace holdfast::client::watch {
namespace {

using nlohmann::json;

}  // namespace

lock_feed::lock_feed(executor on, resuming_stream::settings settings, std::optional<std::uint64_t> from)
    : stream_(on, std::move(settings),
              [this] {
                std::string target = "/v1/lock/events?format=ndjson";
                if (last_number_) target += "&from=" + std::to_string(*last_number_);
                return resuming_stream::request{std::move(target), {}};
              }),
      last_number_(from) {}

void lock_feed::say(std::string const& what) const {
  if (on_news) on_news(what);
}

/// Takes note of what an event says about its server and its number.
bool lock_feed::is_of_another_life(std::string_view line) {
  auto const event = json::parse(line, nullptr, false);
  if (!event.is_object()) return false;
  if (auto const life = event.find("start"); life != event.end() && life->is_string()) {
    auto const before = std::exchange(life_, life->get<std::string>());
    if (!before.empty() && before != life_) return true;
  }
  if (auto const number = event.find("seq"); number != event.end() && number->is_number_unsigned())
    last_number_ = number->get<std::uint64_t>();
  return false;
}

awaitable<result<std::string>> lock_feed::next() {
  for (;;) {
    auto item = co_await stream_.next();
    if (!item) {
      // The number is of a life that is over, or of too long ago.
      auto const status = item.error().refused ? item.error().refused->status : 0;
      if (life_.empty() || !last_number_ || (status != 400 && status != 410)) co_return item.error();
      last_number_.reset();
      say("events are missing here: the server no longer has what came next");
      continue;
    }
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
    if (is_of_another_life(item->text)) {
      say("the server was restarted; its events follow from the first one on");
      last_number_ = 0;
      stream_.restart();
    }
    co_return std::move(item->text);
  }
}

}  // namespace holdfast::client::watch
