#include "server/access/token_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "protocol/toml.hpp"

namespace holdfast::server {
namespace {

using protocol::errc;
using protocol::failure;
using protocol::result;

constexpr std::size_t tokens_max = 10'000, name_bytes_max = 64, scopes_max = 1'000;

failure refuse(toml::source_position at, std::string const& why) {
  return {errc::invalid_parameter, "line " + std::to_string(at.line) + ": " + why};
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::optional<digest> parse_digest(std::string_view text) {
  digest sum{};
  if (text.size() != 2 * sum.size()) return std::nullopt;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    auto const high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    sum[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return sum;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= name_bytes_max &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '\\'; });
}

/// Instants outside the clock's range become its first or last second.
token::instant instant_of(toml::date_time const& when) {
  using namespace std::chrono;
  auto const day = sys_days(year(when.date.year) / when.date.month / when.date.day);
  sys_seconds const second = day + hours(when.time.hour) + minutes(when.time.minute) + seconds(when.time.second) -
                             minutes(when.offset->minutes);
  return std::clamp(second, ceil<seconds>(token::instant::min()), floor<seconds>(token::instant::max()));
}

result<void> read_member(std::string const& member, toml::node const& node, token& to, bool& has_digest) {
  auto const at = node.source().begin;
  if (member == "name") {
    auto const* const text = node.as_string();
    if (text == nullptr || !is_name(text->get()))
      return refuse(at, "name: a text of 1 to 64 visible ASCII characters without quotes, such as \"web\"");
    to.name = text->get();
    return {};
  }
  if (member == "sha256") {
    auto const* const text = node.as_string();
    auto const sum = text != nullptr ? parse_digest(text->get()) : std::nullopt;
    if (!sum)
      return refuse(at,
                    "sha256: 64 hexadecimal digits, the SHA-256 of the secret; 'holdfast-server token new NAME' makes "
                    "both");
    to.secret = *sum;
    has_digest = true;
    return {};
  }
  if (member == "expires") {
    auto const* const when = node.as_date_time();
    if (when == nullptr || !when->get().offset)
      return refuse(at, "expires: a date and time with its offset and without quotes, such as 2027-01-01T00:00:00Z");
    to.expires = instant_of(when->get());
    return {};
  }
  if (member == "scopes") {
    auto const* const array = node.as_array();
    if (array == nullptr || array->empty() || array->size() > scopes_max)
      return refuse(at, "scopes: a list such as [\"read:users/\", \"write:users/\", \"lock:\", \"admin\"]");
    for (auto const& element : *array) {
      auto const* const text = element.as_string();
      auto one = text != nullptr ? parse_permission(text->get()) : std::nullopt;
      if (!one)
        return refuse(element.source().begin,
                      (text != nullptr ? "'" + text->get() + "' is no scope" : std::string("a scope is a text")) +
                          "; write read:PREFIX, write:PREFIX, lock:PREFIX (read: for all keys) or admin");
      to.permissions.push_back(*std::move(one));
    }
    return {};
  }
  return refuse(at, "there is no '" + member + "' in a token; there are name, sha256, expires and scopes");
}

result<token> read_token(toml::table const& table) {
  token one;
  auto has_digest = false;
  for (auto const& [key, node] : table)
    if (auto const read = read_member(std::string(key.str()), node, one, has_digest); !read) return read.error();
  auto const at = table.source().begin;
  auto const missing = one.name.empty()          ? "name"
                       : !has_digest             ? "sha256"
                       : one.permissions.empty() ? "scopes"
                                                 : nullptr;
  if (missing != nullptr) return refuse(at, std::string("the token has no ") + missing);
  return one;
}

/// A basic string of TOML. The library's own writer puts a text with a line feed between three apostrophes, even if the
/// text contains three of them.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char const c : text) {
    if (auto const byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7F) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04X", static_cast<unsigned>(byte));
      out += escaped;
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

}  // namespace

result<std::vector<token>> read_tokens(std::string_view text) {
  auto const parsed = toml::parse(text);
  if (!parsed) {
    auto const& error = parsed.error();
    return refuse(error.source().begin, std::string(error.description()));
  }
  std::vector<token> tokens;
  for (auto const& [key, node] : parsed.table()) {
    auto const* const array = node.as_array();
    if (key.str() != "token" || array == nullptr)
      return refuse(key.source().begin,
                    "'" + std::string(key.str()) + "' is not known; begin each token with [[token]]");
    if (array->size() > tokens_max)
      return refuse(node.source().begin, "there are more than " + std::to_string(tokens_max) + " tokens");
    for (auto const& element : *array) {
      auto const* const table = element.as_table();
      if (table == nullptr) return refuse(element.source().begin, "begin each token with [[token]]");
      auto one = read_token(*table);
      if (!one) return one.error();
      for (auto const& other : tokens) {
        if (other.name == one->name)
          return refuse(table->source().begin, "there is another token with the name \"" + one->name + '"');
        if (other.secret == one->secret)
          return refuse(table->source().begin,
                        "\"" + one->name + "\" has the secret of \"" + other.name + "\"; make a new one");
      }
      tokens.push_back(*std::move(one));
    }
  }
  if (tokens.empty())
    return failure{errc::invalid_parameter,
                   "line 1: there is no token; 'holdfast-server token new NAME --scope read:' makes one"};
  return tokens;
}

result<std::vector<token>> read_token_file(std::string const& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) return failure{errc::invalid_parameter, path + ": can't be read: " + std::strerror(errno)};
  auto tokens = read_tokens(text.view());
  if (!tokens) return failure{errc::invalid_parameter, path + ", " + tokens.error().detail};
  return tokens;
}

std::string to_text(token::instant when) {
  using namespace std::chrono;
  auto const second = floor<seconds>(when);
  auto const day = floor<days>(second);
  year_month_day const date(day);
  hh_mm_ss const time(second - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text;
}

std::optional<token::instant> parse_instant(std::string const& text) {
  // A line feed would add lines to the document.
  if (text.find_first_of("\r\n") != std::string::npos) return std::nullopt;
  auto const parsed = toml::parse("when = " + text);
  if (!parsed) return std::nullopt;
  auto const* const when = parsed.table()["when"].as_date_time();
  if (when == nullptr || !when->get().offset) return std::nullopt;
  return instant_of(when->get());
}

std::string to_toml(token const& one) {
  auto text = "[[token]]\nname = " + quoted(one.name) + "\nsha256 = \"" + to_hexadecimal(one.secret) + "\"\n";
  if (one.expires) text += "expires = " + to_text(*one.expires) + '\n';
  text += "scopes = [";
  auto const* between = "";
  for (auto const& each : one.permissions) {
    text += between + quoted(to_string(each));
    between = ", ";
  }
  return text += "]\n";
}

}  // namespace holdfast::server
