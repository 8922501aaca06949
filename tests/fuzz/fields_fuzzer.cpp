// What stands in fields and parameters: durations, tags, timings, patterns of permission.
#include <cmath>
#include <cstdlib>

#include "protocol/duration.hpp"
#include "protocol/entity_tag.hpp"
#include "protocol/lock_timing.hpp"
#include "server/access/token.hpp"
#include "server/http/plain_request_line.hpp"
#include "tests/fuzz/fuzzer.hpp"

namespace holdfast::fuzz {
namespace {

using namespace protocol;
using namespace std::chrono_literals;

void hold_duration(std::string_view text) {
  auto const duration = parse_duration(text);
  if (!duration) return;
  require(*duration >= 0ns && *duration <= 24h, "a duration has its bounds");
  auto const written = format_duration(*duration);
  auto const again = parse_duration(written);
  require(again && *again == *duration, "a duration that is written is the same", written, text);
  char* end = nullptr;
  std::string const terminated(text);
  auto const number = std::strtold(terminated.c_str(), &end);
  std::string_view const unit = end;
  auto const scale = unit == "h"    ? 3600e9L
                     : unit == "m"  ? 60e9L
                     : unit == "s"  ? 1e9L
                     : unit == "ms" ? 1e6L
                     : unit == "us" ? 1e3L
                                    : 1.0L;
  require(std::fabs(number * scale - static_cast<long double>(duration->count())) < 1.01L,
          "a duration is what the number says", written, text);
}

void hold_tags(std::string_view text) {
  constexpr std::uint64_t start = 0x3f;
  if (auto const tag = parse_entity_tag(text)) {
    auto const again = parse_entity_tag(to_string(*tag));
    require(again && *again == *tag, "a tag that is written is the same");
  }
  auto const list = parse_tag_list(text, start);
  for (auto const revision : list.strong)
    require(text.find(to_string({start, revision})) != std::string_view::npos && list.names_strongly(revision),
            "a tag is named byte for byte");
  for (auto const revision : list.weak)
    require(text.find("W/" + to_string({start, revision})) != std::string_view::npos && list.has_weak &&
                list.names_weakly(revision),
            "a weak tag is named byte for byte");
  if (list.any)
    require(list.strong.empty() && list.weak.empty() && text.find_first_not_of(" \t*") == std::string_view::npos,
            "a star stands alone");
  auto const longer = parse_tag_list("\"3f-1\", " + std::string(text), start);
  if (!list.strong.empty() || !list.weak.empty())
    require(longer.strong.size() == list.strong.size() + 1 && longer.weak == list.weak, "a list grows by a member");
}

void hold_timing(std::string_view text) {
  auto const timing = parse_server_timing(text);
  if (!timing) return;
  require(timing->wait >= 0ns && timing->hold >= 0ns, "times are not negative");
  char written[server_timing_bytes_max];
  std::string_view const field(written, static_cast<std::size_t>(write_server_timing(written, *timing) - written));
  require(field.size() <= server_timing_bytes_max, "a timing has its length");
  auto const again = parse_server_timing(field);
  require(again && std::chrono::abs(again->wait - timing->wait) <= 501ns &&
              std::chrono::abs(again->hold - timing->hold) <= 501ns,
          "a timing that is written is the same to the microsecond", field, text);
}

void hold_permission(std::string_view text) {
  auto const one = server::parse_permission(text);
  if (!one) return;
  require(server::to_string(*one) == text, "a permission that is written is the same");
  server::token holder;
  holder.permissions.push_back(*one);
  if (one->what == server::scope::admin) return;
  require(holder.allows(one->what, one->prefix), "a permission allows its prefix");
  require(one->prefix.empty() || !holder.allows(one->what, one->prefix.substr(1) + '\x01') ||
              one->prefix.find_first_not_of(one->prefix.front()) == std::string::npos,
          "a permission does not allow what begins otherwise");
  require(one->prefix.empty() || !holder.allows(one->what, one->prefix.substr(0, one->prefix.size() - 1)),
          "a permission does not allow less of a prefix");
}

void hold_request_line(std::string_view text) {
  auto const line = server::recognize_request_line(text);
  if (!line) return;
  auto const target = line.target(text);
  require(
      text.substr(0, line.bytes()) == std::string(line.method_text(text)) + ' ' + std::string(target) + " HTTP/1.1\r\n",
      "a line that is recognized is one", text.substr(0, line.bytes()), target);
  require(line.target_is_plain == (target.starts_with('/') && target.find_first_of("%?#") == std::string_view::npos),
          "a plain target is recognized");
}

}  // namespace

void fuzz_fields(std::string_view input) {
  hold_duration(input);
  hold_tags(input);
  hold_timing(input);
  hold_permission(input);
  hold_request_line(input);
  hold_request_line(std::string(input) + " HTTP/1.1\r\n");
}

}  // namespace holdfast::fuzz
