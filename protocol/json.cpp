#include "protocol/json.hpp"

#include <nlohmann/json.hpp>

namespace holdfast::protocol {
namespace {

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

  bool parse_error(std::size_t, std::string const&, nlohmann::json::exception const& error) override {
    std::string_view what = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: …": the bracket is of no use to a client.
    if (auto const end = what.find("] "); what.starts_with('[') && end != std::string_view::npos)
      what.remove_prefix(end + 2);
    problem = what;
    return false;
  }

  std::string problem;
  bool too_deep = false;

 private:
  bool enter() {
    if (++depth_ <= json_depth_max) return true;
    too_deep = true;
    return false;
  }
  bool leave() {
    --depth_;
    return true;
  }

  int depth_ = 0;
};

/// Where the bracket stands that opens one level too many. The parser's events carry no place; up to that bracket the
/// text is well-formed, so that counting brackets outside strings finds it.
std::string place_too_deep(std::string_view text) {
  int depth = 0;
  std::size_t line = 1, line_begin = 0, at = 0;
  bool quoted = false;
  for (; at < text.size(); ++at) {
    auto const c = text[at];
    if (c == '\n') {
      ++line;
      line_begin = at + 1;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (quoted) {
      if (c == '\\') ++at;
    } else if (c == '[' || c == '{') {
      if (++depth > json_depth_max) break;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return "line " + std::to_string(line) + ", column " + std::to_string(at - line_begin + 1);
}

}  // namespace

result<void> check_json(std::string_view text) {
  if (text.empty())
    return failure{errc::invalid_json,
                   "the body is empty; send a JSON value, such as \"hello\" with its quotes, 42 or {}"};
  if (text.starts_with("\xEF\xBB\xBF"))
    return failure{errc::invalid_json, "the body starts with a byte order mark; send plain UTF-8"};
  validator events;
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &events)) return {};
  if (events.too_deep)
    return failure{errc::invalid_json, "nested deeper than " + std::to_string(json_depth_max) + " levels at " +
                                           place_too_deep(text) + "; store it in several values"};
  return failure{errc::invalid_json, events.problem};
}

}  // namespace holdfast::protocol
