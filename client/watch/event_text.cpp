#include "client/watch/event_text.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "client/watch/event_fields.hpp"
#include "protocol/utf8.hpp"

namespace holdfast::client::watch {
namespace {

using nlohmann::json;

struct character {
  std::uint32_t code;
  std::size_t bytes;
};

/// Invalid UTF-8 counts as control characters.
character character_at(std::string_view text, std::size_t at) {
  auto const rest = text.substr(at);
  auto const bytes = protocol::utf8_sequence_length(rest);
  return bytes == 0 ? character{0, 1} : character{protocol::utf8_code_point(rest), bytes};
}

/// Control characters, and Unicode's for direction and joining (UAX #9, and the default ignorable ones around them).
bool is_invisible(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD || code == 0x61C ||
         (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF || (code >= 0xE0000 && code <= 0xE0FFF);
}

std::string who(json const& event) {
  return text_of(event, "source") + "  " + text_of(event, "operation") + ' ' + text_of(event, "key");
}

std::string at(long long ns) {
  char text[40];
  std::snprintf(text, sizeof text, "%10.3f s  ", static_cast<double>(ns) / 1e9);
  return text;
}

std::string behind_text(json const& event) {
  auto const behind = event.find("behind");
  if (behind == event.end() || !behind->is_array() || behind->empty()) return {};
  std::string text = "; behind";
  auto const* separator = " ";
  for (auto const& one : *behind) {
    text += separator + who(one) + ' ' + duration_text(number_of(one, "held_ns"));
    separator = ", ";
  }
  auto const others = event.find("behind_others");
  if (others != event.end() && number_of(*others, "count") > 0)
    text +=
        " and " + std::to_string(number_of(*others, "count")) + " more " + duration_text(number_of(*others, "held_ns"));
  return text;
}

std::string done_text(json const& event) {
  auto const asked = number_of(event, "asked_ns"), ended = number_of(event, "ended_ns");
  auto const was_granted = event.contains("granted_ns") && event["granted_ns"].is_number();
  auto const granted = was_granted ? number_of(event, "granted_ns") : ended;
  auto text = at(ended) + who(event) + "  ";
  if (auto const position = number_of(event, "position"); position > 0)
    text += "waited " + duration_text(granted - asked) + " at position " + std::to_string(position) + ", ";
  text += was_granted ? "held " + duration_text(ended - granted) : "left";
  if (auto const outcome = text_of(event, "outcome"); outcome != "released") text += " (" + outcome + ')';
  return text + behind_text(event);
}

}  // namespace

std::string text_of(json const& object, char const* name) {
  auto const found = object.find(name);
  return found != object.end() && found->is_string() ? printable(found->get<std::string>()) : std::string();
}

std::int64_t number_of(json const& object, char const* name) {
  auto const found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

std::string printable(std::string_view text) {
  std::string kept;
  for (std::size_t at = 0; at < text.size();) {
    auto const [code, bytes] = character_at(text, at);
    if (is_invisible(code)) {
      kept += '?';
    } else {
      kept += text.substr(at, bytes);
    }
    at += bytes;
  }
  return kept;
}

std::string cut_to(std::string text, std::size_t columns) {
  if (text.size() <= columns) return text;
  std::size_t used = 0, fits = 0;  // end of the text that leaves a column for the ellipsis
  for (std::size_t at = 0; at < text.size();) {
    auto const [code, bytes] = character_at(text, at);
    used += code < 0x1100 ? 1 : 2;
    if (used > columns) {
      text.resize(fits);
      return columns == 0 ? text : text + "…";
    }
    at += bytes;
    if (used < columns) fits = at;
  }
  return text;
}

std::string duration_text(long long ns) {
  struct unit {
    double ns;
    char const* name;
  };
  constexpr std::array units{unit{1e9, "s"}, unit{1e6, "ms"}, unit{1e3, "us"}};
  char text[40];
  for (auto const& [unit_ns, name] : units) {
    if (static_cast<double>(ns) < unit_ns * 0.9995) continue;
    auto const value = static_cast<double>(ns) / unit_ns;
    std::snprintf(text, sizeof text, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, name);
    return text;
  }
  return std::to_string(ns) + " ns";
}

std::string event_text(std::string_view line) {
  auto const event = json::parse(line, nullptr, false);
  if (!event.is_object()) return {};
  auto const type = text_of(event, "type");
  if (type == "done") return done_text(event);
  if (type == "asked")
    return at(number_of(event, "asked_ns")) + who(event) + "  waits at position " +
           std::to_string(number_of(event, "position"));
  if (type == "granted")
    return at(number_of(event, "granted_ns")) + who(event) + "  holds for " +
           duration_text(number_of(event, "hold_ns"));
  if (type == "dropped")
    return "            (" + std::to_string(number_of(event, "count")) + " events were dropped here)";
  if (type == "lost") return "            (events are missing here: the server was restarted)";
  if (type == "settings") return "            (settings: " + printable(event.value("settings", json()).dump()) + ')';
  return {};
}

}  // namespace holdfast::client::watch
