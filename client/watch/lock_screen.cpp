#include "client/watch/lock_screen.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "client/watch/event_fields.hpp"
#include "client/watch/event_text.hpp"

namespace holdfast::client::watch {
namespace {

using nlohmann::json;

constexpr std::size_t blamed_lines_max = 8;

/// The duration, then the source and the operation. The key is last, because it may be cut off.
std::string row(std::string const& label, json const& one, char const* time_name) {
  auto const found = one.find(time_name);
  auto const time_ns = found != one.end() && found->is_number() ? found->get<double>() * 1e6 : 0;
  char text[160];
  std::snprintf(text, sizeof text, "%-9.16s%9.16s  %-22.48s  %-6.8s ", label.c_str(),
                duration_text(static_cast<long long>(time_ns)).c_str(), text_of(one, "source").c_str(),
                text_of(one, "operation").c_str());
  return text + text_of(one, "key");
}

std::string more(std::size_t count) {
  return "         and " + std::to_string(count) + " more";
}

}  // namespace

void lock_screen::blame(std::string name, std::int64_t ns) {
  auto& entry = blame_.size() >= blamed_max && !blame_.contains(name) ? others_ : blame_[std::move(name)];
  entry.ns += ns;
  ++entry.waits;
}

void lock_screen::take_event(std::string_view line) {
  auto const event = json::parse(line, nullptr, false);
  if (!event.is_object()) return;
  auto const type = text_of(event, "type");
  if (type == "hello") {
    auto life = text_of(event, "start");
    if (!life_.empty() && life != life_) {
      *this = lock_screen();
      was_restarted_ = true;
    }
    life_ = std::move(life);
  }
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
  for (auto const& one : *behind)
    blame(text_of(one, "source") + "  " + text_of(one, "operation"), number_of(one, "held_ns"));
  if (auto const rest = event.find("behind_others"); rest != event.end() && number_of(*rest, "count") > 0) {
    others_.ns += number_of(*rest, "held_ns");
    ++others_.waits;
  }
}

std::vector<lock_screen::named_blame> lock_screen::worst(std::size_t most) const {
  std::vector<named_blame> all(blame_.begin(), blame_.end());
  if (others_.waits != 0) all.emplace_back("others, of whom only the sum is known", others_);
  auto const end = all.begin() + static_cast<std::ptrdiff_t>(std::min(most, all.size()));
  std::partial_sort(all.begin(), end, all.end(),
                    [](auto const& a, auto const& b) { return a.second.ns > b.second.ns; });
  all.erase(end, all.end());
  return all;
}

std::vector<std::string> lock_screen::lines(std::string_view title, std::string_view state_json,
                                            screen_size size) const {
  auto const state = json::parse(state_json, nullptr, false);
  if (!state.is_object()) return {};
  std::vector<std::string> shown;
  shown.push_back(std::string(title) + "  up " + duration_text(number_of(state, "now_ns")));
  shown.push_back(std::to_string(requests_) + " requests seen, " + std::to_string(waited_) + " waited; longest wait " +
                  duration_text(longest_wait_ns_) + ", longest hold " + duration_text(longest_hold_ns_));
  if (dropped_ != 0) shown.back() += "; " + std::to_string(dropped_) + " events dropped";
  if (was_restarted_) shown.emplace_back("the server was restarted; figures since then");
  shown.emplace_back();
  auto const owner = state.find("owner");
  shown.push_back(owner != state.end() && owner->is_object() ? row("holds", *owner, "held_ms") : "holds    nobody");

  auto const length = static_cast<std::size_t>(std::max<std::int64_t>(0, number_of(state, "queue_length")));
  shown.push_back("wait     " + std::to_string(length));
  auto const left = [&] { return size.lines - std::min(size.lines, shown.size()); };
  if (auto const queue = state.find("queue"); queue != state.end() && queue->is_array()) {
    auto const count = std::min({queue->size(), queue_lines_max, left() != 0 ? left() - 1 : 0});
    for (std::size_t i = 0; i < count; ++i)
      shown.push_back(row("  " + std::to_string(i + 1) + '.', (*queue)[i], "waited_ms"));
    if (length > count) shown.push_back(more(length - count));
  }

  if (left() > 2) {
    auto const names = worst(std::min(blamed_lines_max, left() - 2));
    if (!names.empty()) {
      shown.emplace_back();
      shown.emplace_back("made others wait");
    }
    for (auto const& [name, sum] : names) {
      char numbers[64];
      std::snprintf(numbers, sizeof numbers, "%18s in %llu waits  ", duration_text(sum.ns).c_str(),
                    static_cast<unsigned long long>(sum.waits));
      shown.push_back(numbers + name);
    }
  }
  shown.resize(std::min(shown.size(), size.lines));
  for (auto& line : shown) line = cut_to(std::move(line), size.columns);
  return shown;
}

}  // namespace holdfast::client::watch
