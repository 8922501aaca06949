#include "tests/support/raw_reply.hpp"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <regex>
#include <stdexcept>

namespace holdfast::tests {
namespace {

using nlohmann::json;

// Built before any thread starts: the scanner of std::regex fills a table in the process's locale without a lock
// (std::ctype<char>::narrow), which ThreadSanitizer reports if two clients build their first one at the same time.
std::regex const http_date(
    "(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} "
    "[0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT");
std::regex const timing(
    "wait;dur=([0-9]+\\.[0-9]+)(?:;desc=\"position [0-9]+\")?, hold;dur=([0-9]+\\.[0-9]+)(?:, disk;.*)?");
std::regex const disk_timing(".*disk;dur=([0-9]+\\.[0-9]{3});desc=\"with ([0-9]+) others?(, no sync)?\" *");
std::regex const status_line("HTTP/1\\.1 ([1-5][0-9][0-9]) [ -~]+");
std::regex const snake_case("[a-z][a-z0-9_]*");

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool is_http_date(std::string const& text) {
  return std::regex_match(text, http_date);
}

std::string string_member(json const& object, std::string const& name) {
  auto const found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string content_of(std::string_view answer) {
  auto const head_end = answer.find("\r\n\r\n");
  if (head_end == std::string_view::npos) throw std::runtime_error("the header is cut off");
  auto text = answer.substr(head_end + 4);
  std::string content;
  for (;;) {
    auto const line = text.find("\r\n");
    if (line == std::string_view::npos) throw std::runtime_error("a chunk's size is missing");
    auto const size = std::stoul(std::string(text.substr(0, line)), nullptr, 16);
    text.remove_prefix(line + 2);
    if (text.size() < size + 2 || text.substr(size, 2) != "\r\n") throw std::runtime_error("a chunk is cut off");
    if (size == 0) return content;
    content += text.substr(0, size);
    text.remove_prefix(size + 2);
  }
}

bool is_json(std::string_view text) {
  return json::accept(text);
}

std::string json_member(std::string_view object, std::string const& name) {
  auto const parsed = json::parse(object, nullptr, false);
  return parsed.is_object() ? string_member(parsed, name) : std::string();
}

std::optional<problem> raw_reply::as_problem() const {
  auto const parsed = json::parse(body, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("status") || !parsed["status"].is_number_integer()) return std::nullopt;
  problem one{string_member(parsed, "type"), string_member(parsed, "title"), string_member(parsed, "detail"),
              string_member(parsed, "code"), parsed["status"].get<int>()};
  if (one.type.empty() || one.title.empty() || one.detail.empty() || one.code.empty()) return std::nullopt;
  return one;
}

std::string raw_reply::code() const {
  auto const one = as_problem();
  return one ? one->code : std::string();
}

std::string raw_reply::detail() const {
  auto const one = as_problem();
  return one ? one->detail : std::string();
}

double raw_reply::timing_ms(std::string_view metric) const {
  auto const text = field("server-timing");
  std::smatch parts;
  if (!std::regex_match(text, parts, timing))
    throw std::runtime_error("an answer with status " + std::to_string(status) + " has the Server-Timing '" + text +
                             "'");
  return std::stod(parts[metric == "wait" ? 1 : 2]);
}

std::optional<raw_reply::withholding> raw_reply::disk() const {
  auto const text = field("server-timing");
  if (text.find("disk;") == std::string::npos) return std::nullopt;
  std::smatch parts;
  if (!std::regex_match(text, parts, disk_timing))
    throw std::runtime_error("an answer has the Server-Timing '" + text + "'");
  return withholding{std::stod(parts[1]), std::stoi(parts[2]), !parts[3].matched};
}

raw_reply parse_reply_head(std::string_view head) {
  auto const refuse = [&](std::string const& why) {
    throw std::runtime_error(why + " in the answer '" + std::string(head.substr(0, 500)) + "'");
  };
  raw_reply reply;
  auto const first = std::string(head.substr(0, head.find("\r\n")));
  std::smatch parts;
  if (!std::regex_match(first, parts, status_line)) refuse("not a status line");
  reply.status = std::stoi(parts[1]);
  for (auto at = first.size() + 2; at < head.size();) {
    auto const line = head.substr(at, head.find("\r\n", at) - at);
    auto const colon = line.find(": ");
    if (colon == std::string_view::npos || colon == 0) refuse("not a field line");
    for (unsigned char const c : line)
      if (c < 0x20 || c > 0x7E) refuse("a byte that is not plain ASCII");
    if (!reply.fields.emplace(lower(std::string(line.substr(0, colon))), line.substr(colon + 2)).second)
      refuse("a field twice");
    at += line.size() + 2;
  }
  return reply;
}

std::string broken_promise(raw_reply const& reply, bool to_head) {
  if (reply.status < 200) return {};
  if (!is_http_date(reply.field("date"))) return "no Date, or not in HTTP's form";
  if (reply.field("x-content-type-options") != "nosniff") return "no X-Content-Type-Options: nosniff";
  auto const no_content = reply.status == 204 || reply.status == 304;
  if (reply.status == 204 && reply.has("content-length")) return "a 204 with a Content-Length (RFC 9110 §8.6)";
  if (!no_content && !reply.has("content-length")) return "no Content-Length";
  if (!no_content && reply.field("content-length") != "0" && !reply.has("content-type")) return "no Content-Type";
  if (reply.status == 405 && !reply.has("allow")) return "a 405 without Allow";
  if (reply.status == 503 && !reply.has("retry-after")) return "a 503 without Retry-After";
  if (reply.status < 400) return {};
  if (reply.field("content-type") != "application/problem+json") return "an error that is not problem+json";
  if (to_head) return {};
  auto const told = reply.as_problem();
  if (!told) return "an error whose body lacks a member of problem+json";
  if (told->status != reply.status) return "an error whose body tells another status";
  if (!std::regex_match(told->code, snake_case)) return "a code that is not snake_case";
  return {};
}

}  // namespace holdfast::tests
