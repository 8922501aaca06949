#include "tests/support/trace_check.hpp"

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <set>
#include <tuple>

namespace holdfast::tests {
namespace {

using nlohmann::json;
using complaints = std::vector<std::string>;

bool is_text(json const& event, char const* name) {
  return event.contains(name) && event[name].is_string() && !event[name].get<std::string>().empty();
}

bool is_number(json const& event, char const* name) {
  return event.contains(name) && event[name].is_number();
}

/// The violation of the format's description by one event; empty if there is none.
std::string wrong_with(json const& event, std::set<std::int64_t> const& named_tracks) {
  if (!is_text(event, "ph") || !is_text(event, "name") || !is_number(event, "pid")) return "lacks ph, name or pid";
  auto const phase = event["ph"].get<std::string>();
  if (phase == "M") return event.contains("args") && is_text(event["args"], "name") ? "" : "a name without a name";
  if (!is_number(event, "ts") || event["ts"] < 0) return "has no time";
  if (phase == "C") {
    auto const& args = event.value("args", json::object());
    auto const is_count = [](json const& value) { return value.is_number() && value >= 0; };
    return !args.empty() && std::all_of(args.begin(), args.end(), is_count) ? "" : "a counter that counts nothing";
  }
  if (!is_number(event, "tid") || !named_tracks.contains(event["tid"].get<std::int64_t>())) return "on no named track";
  if (!is_text(event, "cat")) return "has no category";
  if (phase == "B" || phase == "E") return event["args"].is_object() ? "" : "a slice without details";
  if (phase == "s") return is_number(event, "id") ? "" : "an arrow without an id";
  if (phase == "f") return is_number(event, "id") && event.value("bp", "") == "e" ? "" : "an arrow to the next slice";
  return "of a phase that is not ours";
}

void check_events(json const& events, complaints& found) {
  std::set<std::int64_t> tracks;
  for (auto const& event : events)
    if (event.value("name", "") == "thread_name" && !tracks.insert(event["tid"].get<std::int64_t>()).second)
      found.push_back("two names for a track: " + event.dump());
  std::map<std::int64_t, double> latest;
  for (auto const& event : events) {
    if (auto const wrong = wrong_with(event, tracks); !wrong.empty()) {
      found.push_back(wrong + ": " + event.dump());
      continue;
    }
    auto const phase = event["ph"].get<std::string>();
    if (phase == "M" || phase == "C") continue;
    auto& last = latest[event["tid"].get<std::int64_t>()];
    if (event["ts"] < last) found.push_back("goes back in time on its track: " + event.dump());
    last = event["ts"];
  }
}

void play_perfetto(json const& events, complaints& found) {
  struct timed {
    std::int64_t ns;
    json const* event;
  };
  std::list<timed> sorted;  // its sort is stable and avoids functions deprecated in C++17
  for (auto const& event : events)
    if (event["ph"] != "M") sorted.push_back({static_cast<std::int64_t>(event["ts"].get<double>() * 1000.0), &event});
  sorted.sort([](timed const& a, timed const& b) { return a.ns < b.ns; });
  std::map<std::int64_t, std::vector<json const*>> stacks;
  std::map<std::int64_t, int> arrows;
  for (auto const& [ns, event] : sorted) {
    auto const phase = (*event)["ph"].get<std::string>();
    if (phase == "C") continue;
    auto& stack = stacks[(*event)["tid"].get<std::int64_t>()];
    if (phase == "B") {
      if (!stack.empty()) found.push_back("a slice within another: " + event->dump());
      stack.push_back(event);
      continue;
    }
    if (stack.empty()) {
      found.push_back("lies in no slice: " + event->dump());
      continue;
    }
    if (phase == "E") {
      auto const& begin = *stack.back();
      if (begin["name"] != (*event)["name"] || begin["cat"] != (*event)["cat"])
        found.push_back("ends another slice: " + event->dump());
      stack.pop_back();
      continue;
    }
    auto& begun = arrows[(*event)["id"].get<std::int64_t>()];
    if (phase == "s" ? begun++ != 0 : begun-- != 1) found.push_back("an arrow twice, or only half: " + event->dump());
    if (stack.back()->at("cat") != "hold") found.push_back("an arrow at what is no hold: " + event->dump());
  }
  for (auto const& [track, stack] : stacks)
    if (!stack.empty()) found.push_back("never ends: " + stack.back()->dump());
  for (auto const& [id, begun] : arrows)
    if (begun != 0) found.push_back("an arrow that leads nowhere: " + std::to_string(id));
}

void play_speedscope(json const& events, complaints& found) {
  struct edge {
    double at;
    std::string key;
  };
  struct track {
    std::list<edge> begins, ends;
  };
  std::map<std::int64_t, track> tracks;
  std::map<std::int64_t, double> earliest;
  auto const is_edge = [](json const& event) { return event["ph"] == "B" || event["ph"] == "E"; };
  for (auto const& event : events) {
    if (!is_edge(event)) continue;
    auto const [first, is_new] = earliest.emplace(event["tid"].get<std::int64_t>(), event["ts"].get<double>());
    if (!is_new) first->second = std::min(first->second, event["ts"].get<double>());
  }
  for (auto const& event : events) {
    if (!is_edge(event)) continue;
    auto const id = event["tid"].get<std::int64_t>();
    auto& queue = event["ph"] == "B" ? tracks[id].begins : tracks[id].ends;
    queue.push_back(
        {event["ts"].get<double>() - earliest[id], event["name"].get<std::string>() + event["args"].dump()});
  }
  auto const earlier = [](edge const& a, edge const& b) { return a.at < b.at; };
  for (auto& [id, one] : tracks) {
    one.begins.sort(earlier);
    one.ends.sort(earlier);
    std::vector<std::string> stack;
    while (!one.begins.empty() || !one.ends.empty()) {
      auto const is_begin =
          !one.begins.empty() &&
          (one.ends.empty() || one.begins.front().at < one.ends.front().at ||
           (one.begins.front().at == one.ends.front().at && one.begins.front().key == one.ends.front().key));
      if (is_begin) {
        stack.push_back(one.begins.front().key);
        one.begins.pop_front();
        continue;
      }
      if (stack.empty() || stack.back() != one.ends.front().key)
        found.push_back("speedscope ends what it has not begun: " + one.ends.front().key);
      else
        stack.pop_back();
      one.ends.pop_front();
    }
    if (!stack.empty()) found.push_back("speedscope has to close: " + stack.back());
  }
}

}  // namespace

std::vector<std::string> complaints_about(json const& trace) {
  complaints found;
  if (trace.value("displayTimeUnit", "") != "ms") found.emplace_back("no unit of time to display");
  auto const& events = trace.at("traceEvents");
  check_events(events, found);
  if (!found.empty()) return found;
  play_perfetto(events, found);
  play_speedscope(events, found);
  return found;
}

}  // namespace holdfast::tests
