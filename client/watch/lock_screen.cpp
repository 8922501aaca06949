#include "client/watch/lock_screen.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "client/watch/event_text.hpp"

namespace holdfast::client::watch {
namespace {

using nlohmann::json;

constexpr std::size_t blamed_lines = 8;

std::int64_t number_of(json const& object, char const* name) {
  auto const found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

std::string text_of(json const& object, char const* name) {
  auto const found = object.find(name);
  return found != object.end() && found->is_string() ? printable(found->get<std::string>()) : std::string();
}

std::string who(json const& one) {
  char text[96];
  std::snprintf(text, sizeof text, "%-22.48s  %-6.8s ", text_of(one, "source").c_str(),
                text_of(one, "operation").c_str());
  return text + text_of(one, "key");
}

std::string ms_text(json const& one, char const* name) {
  auto const found = one.find(name);
  return duration_text(found != one.end() && found->is_number() ? static_cast<long long>(found->get<double>() * 1e6)
                                                                : 0);
}

}  // namespace

void lock_screen::take_event(std::string_view line) {
  auto const event = json::parse(line, nullptr, false);
  if (!event.is_object()) return;
  auto const type = text_of(event, "type");
  if (type == "dropped") dropped_ += static_cast<std::uint64_t>(number_of(event, "count"));
  if (type != "done") return;
  ++requests_;
  auto const granted = event.find("granted_ns");
  auto const ended_ns = number_of(event, "ended_ns");
  auto const was_granted = granted != event.end() && granted->is_number();
  auto const granted_ns = was_granted ? granted->get<std::int64_t>() : ended_ns;
  if (was_granted) longest_hold_ns_ = std::max(longest_hold_ns_, ended_ns - granted_ns);
  if (number_of(event, "position") == 0) return;
  ++waited_;
  longest_wait_ns_ = std::max(longest_wait_ns_, granted_ns - number_of(event, "asked_ns"));
  auto const behind = event.find("behind");
  if (behind == event.end() || !behind->is_array()) return;
  for (auto const& one : *behind) {
    auto const source = text_of(one, "source") + "  " + text_of(one, "operation");
    if (blame_.size() >= blamed_max && !blame_.contains(source)) continue;
    auto& entry = blame_[source];
    entry.ns += number_of(one, "held_ns");
    ++entry.waits;
  }
}

std::string lock_screen::text(std::string_view line, std::size_t queue_lines) const {
  auto const state = json::parse(line, nullptr, false);
  if (!state.is_object()) return {};
  auto text = "up " + duration_text(number_of(state, "now_ns")) + ", " + std::to_string(requests_) +
              " requests seen, " + std::to_string(waited_) + " waited; longest wait " +
              duration_text(longest_wait_ns_) + ", longest hold " + duration_text(longest_hold_ns_);
  if (dropped_ != 0) text += "; " + std::to_string(dropped_) + " events dropped";
  text += "\n\nholds    ";
  auto const owner = state.find("owner");
  text += owner != state.end() && owner->is_object() ? who(*owner) + "  " + ms_text(*owner, "held_ms") : "nobody";
  text += "\nwait     " + std::to_string(number_of(state, "queue_length")) + '\n';
  if (auto const queue = state.find("queue"); queue != state.end() && queue->is_array()) {
    for (std::size_t i = 0; i < std::min(queue->size(), queue_lines); ++i) {
      char number[24];
      std::snprintf(number, sizeof number, "%6zu.  ", i + 1);
      text += number + who((*queue)[i]) + "  " + ms_text((*queue)[i], "waited_ms") + '\n';
    }
  }
  if (blame_.empty()) return text;
  std::vector<std::pair<std::string, blamed>> worst(blame_.begin(), blame_.end());
  std::sort(worst.begin(), worst.end(), [](auto const& a, auto const& b) { return a.second.ns > b.second.ns; });
  text += "\nmade others wait\n";
  for (std::size_t i = 0; i < std::min(worst.size(), blamed_lines); ++i) {
    char numbers[64];
    std::snprintf(numbers, sizeof numbers, "%9s in %llu waits  ", duration_text(worst[i].second.ns).c_str(),
                  static_cast<unsigned long long>(worst[i].second.waits));
    text += numbers + worst[i].first + '\n';
  }
  return text;
}

}  // namespace holdfast::client::watch
