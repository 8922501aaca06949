#include "protocol/lock_timing.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "protocol/ascii.hpp"
#include "protocol/text_writer.hpp"

namespace holdfast::protocol {
namespace {

using std::chrono::nanoseconds;

/// Writes milliseconds with three decimals. Hand-written, since every answer calls it.
void write_ms(text_writer& to, nanoseconds duration) {
  auto const us = static_cast<std::uint64_t>(duration.count() + 500) / 1000;
  if (us == 0) {  // fast path: neither waited nor held
    to << "0.000";
    return;
  }
  auto const rest = static_cast<unsigned>(us % 1000);
  char const decimals[] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                           static_cast<char>('0' + rest % 10)};
  to << us / 1000 << std::span(decimals);
}

std::string_view trim(std::string_view text) {
  auto const first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Removes the text up to `separator` from the front of `rest`; ignores separators inside quotes.
std::string_view cut(std::string_view& rest, char separator) {
  bool quoted = false;
  std::size_t i = 0;
  for (; i < rest.size(); ++i) {
    if (quoted && rest[i] == '\\' && i + 1 < rest.size()) {
      ++i;
    } else if (rest[i] == '"') {
      quoted = !quoted;
    } else if (rest[i] == separator && !quoted) {
      break;
    }
  }
  auto const piece = rest.substr(0, i);
  rest.remove_prefix(std::min(i + 1, rest.size()));
  return trim(piece);
}

std::optional<nanoseconds> duration_of(std::string_view parameters) {
  while (!parameters.empty()) {
    auto const parameter = cut(parameters, ';');
    auto const equals = std::min(parameter.find('='), parameter.size());
    if (!equals_ignoring_case(trim(parameter.substr(0, equals)), "dur")) continue;
    auto text = trim(parameter.substr(std::min(equals + 1, parameter.size())));
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
    double ms = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
    if (error != std::errc() || end != text.data() + text.size() || !(ms >= 0) || ms > 1e9) return std::nullopt;
    return nanoseconds(std::llround(ms * 1e6));
  }
  return std::nullopt;
}

}  // namespace

char* write_server_timing(char* to, lock_timing const& timing) {
  text_writer field(to);
  if (timing.wait.count() == 0 && timing.position == 0U) {  // the common case
    field << "wait;dur=0.000;desc=\"position 0\", hold;dur=";
    write_ms(field, timing.hold);
    return field.end();
  }
  field << "wait;dur=";
  write_ms(field, timing.wait);
  if (timing.position) field << ";desc=\"position " << *timing.position << "\"";
  field << ", hold;dur=";
  write_ms(field, timing.hold);
  return field.end();
}

std::optional<lock_timing> parse_server_timing(std::string_view value) {
  std::optional<nanoseconds> wait, hold, disk;
  while (!value.empty()) {
    auto metric = cut(value, ',');
    auto const name = cut(metric, ';');
    if (name == "wait" && !wait) wait = duration_of(metric);
    if (name == "hold" && !hold) hold = duration_of(metric);
    if (name == "disk" && !disk) disk = duration_of(metric);
  }
  if (!wait || !hold) return std::nullopt;
  return lock_timing{.wait = *wait, .hold = *hold, .disk = disk};
}

}  // namespace holdfast::protocol
