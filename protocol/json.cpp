#include "protocol/json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "protocol/json_recognizer.hpp"

namespace holdfast::protocol {
namespace {

constexpr std::size_t problem_bytes_max = 240;

/// Takes the parser's events and keeps nothing but the depth and what went wrong.
class validator final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, string_t const&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return false; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }

  bool parse_error(std::size_t position, std::string const&, nlohmann::json::exception const& error) override {
    std::string_view what = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: …": the bracket is of no use to a client.
    if (auto const end = what.find("] "); what.starts_with('[') && end != std::string_view::npos)
      what.remove_prefix(end + 2);
    // The text quotes the last token, which may be a string as long as the body.
    problem = what.substr(0, problem_bytes_max);
    if (problem.size() < what.size()) problem += "…";
    if (what.find(" at line ") == std::string_view::npos) unnamed_position = position;
    return false;
  }

  std::string problem;
  std::optional<std::size_t> unnamed_position;  // how much was read, where `problem` does not say it
  bool too_deep = false;

 private:
  bool enter() {
    too_deep = ++depth_ > json_depth_max;
    return !too_deep;
  }
  bool leave() {
    --depth_;
    return true;
  }

  int depth_ = 0;
};

/// Where `text`, valid up to there, goes one level too deep.
std::size_t position_too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > json_depth_max) return i;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return text.size();
}

std::string place(std::string_view text, std::size_t position) {
  auto const before = text.substr(0, position);
  auto const line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(std::count(before.begin(), before.end(), '\n') + 1) + ", column " +
         std::to_string(position - line_begin + 1);
}

}  // namespace

result<void> check_json(std::string_view text) {
  if (is_certainly_json(text)) return {};
  if (text.empty())
    return failure{errc::invalid_json,
                   "the body is empty; send a JSON value, such as \"hello\" with its quotes, 42 or {}"};
  if (text.starts_with("\xEF\xBB\xBF"))
    return failure{errc::invalid_json, "the body starts with a byte order mark; send plain UTF-8"};
  // The parser takes a NUL for the end and would let anything pass behind it.
  if (auto const nul = text.find('\0'); nul != std::string_view::npos)
    return failure{errc::invalid_json, "there is a NUL byte at " + place(text, nul)};
  validator events;
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &events)) return {};
  if (events.too_deep)
    return failure{errc::invalid_json, "nested deeper than " + std::to_string(json_depth_max) + " levels at " +
                                           place(text, position_too_deep(text)) + "; store it in several values"};
  if (events.unnamed_position) events.problem += ", before " + place(text, *events.unnamed_position);
  return failure{errc::invalid_json, std::move(events.problem)};
}

}  // namespace holdfast::protocol
