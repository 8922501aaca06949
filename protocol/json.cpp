#include "protocol/json.hpp"

#include <algorithm>
#include <string>

#include "protocol/ascii.hpp"
#include "protocol/json_scanner.hpp"

namespace holdfast::protocol {
namespace {

constexpr std::size_t excerpt_bytes_max = 40;

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// The line and column of a position. Lines end with a line feed; columns count characters from 1.
std::string place(std::string_view text, std::size_t position) {
  auto const before = text.substr(0, position);
  auto const line = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0
  auto const column = std::ranges::count_if(line, [](char c) { return !continues_character(c); }) + 1;
  return "line " + std::to_string(std::ranges::count(before, '\n') + 1) + ", column " + std::to_string(column);
}

std::string hexadecimal(unsigned char byte) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  return {digits[byte >> 4], digits[byte & 15]};
}

/// The start of the text at `position`, up to the next possible end of a value.
std::string excerpt(std::string_view text, std::size_t position) {
  auto rest = text.substr(position);
  auto const is_end = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || std::string_view(",:[]{}").find(c) != std::string_view::npos;
  };
  auto const end = static_cast<std::size_t>(std::ranges::find_if(rest.begin() + 1, rest.end(), is_end) - rest.begin());
  if (end <= excerpt_bytes_max) return std::string(rest.substr(0, end));
  auto cut = excerpt_bytes_max;
  while (cut > 1 && continues_character(rest[cut])) --cut;
  return std::string(rest.substr(0, cut)) + "…";
}

std::string_view problem_text(json_problem problem) {
  switch (problem) {
    case json_problem::value_expected:
      return "a value is expected";
    case json_problem::name_expected:
      return "a member's name in double quotes is expected after the comma";
    case json_problem::name_or_end_expected:
      return "a member's name in double quotes or } is expected";
    case json_problem::colon_expected:
      return "a colon is expected after the member's name";
    case json_problem::comma_or_brace_expected:
      return "a comma or } is expected after the member";
    case json_problem::comma_or_bracket_expected:
      return "a comma or ] is expected after the element";
    case json_problem::digit_expected:
      return "a digit of the number is expected";
    case json_problem::string_end_expected:
      return "the quote that ends the string is expected";
    case json_problem::more_than_one_value:
      return "the value is complete, and more follows";
    case json_problem::control_character:
      return "a control character in a string has to be escaped";
    case json_problem::unknown_escape:
      return "there is no such escape; a backslash in a string is written as \\\\";
    case json_problem::bad_unicode_escape:
      return "\\u has to be followed by four hexadecimal digits";
    case json_problem::not_utf8:
      return "the text is not UTF-8";
    case json_problem::leading_zero:
      return "a number must not start with a zero and more digits";
    case json_problem::too_deep:
      return "nested too deep";
    case json_problem::none:
      break;
  }
  return "nothing is wrong";
}

/// True if the problem is a missing token.
bool expects_something(json_problem problem) {
  return problem <= json_problem::string_end_expected;
}

}  // namespace

failure json_failure(std::string_view text, json_fault fault) {
  if (text.empty())
    return {errc::invalid_json, "the body is empty; send a JSON value, such as \"hello\" with its quotes, 42 or {}"};
  if (text.starts_with("\xEF\xBB\xBF"))
    return {errc::invalid_json, "the body starts with a byte order mark; send plain UTF-8"};
  if (fault.position == text.size())
    return {errc::invalid_json,
            "the text ends at " + place(text, fault.position) + ", where " + std::string(problem_text(fault.problem))};
  auto const at = place(text, fault.position);
  if (fault.problem == json_problem::too_deep)
    return {errc::invalid_json, "nested deeper than " + std::to_string(json_depth_max) + " levels at " + at +
                                    "; store it in several values"};
  auto const byte = static_cast<unsigned char>(text[fault.position]);
  if (byte == 0) return {errc::invalid_json, "there is a NUL byte at " + at};
  auto detail = at + ": " + std::string(problem_text(fault.problem));
  if (fault.problem == json_problem::control_character)
    return {errc::invalid_json, detail + " as \\u00" + hexadecimal(byte)};
  detail += expects_something(fault.problem) ? ", not " : ": ";
  detail += byte < 0x20 || byte == 0x7F || fault.problem == json_problem::not_utf8 ? "byte 0x" + hexadecimal(byte)
                                                                                   : excerpt(text, fault.position);
  if (fault.problem == json_problem::value_expected &&
      (byte == '\'' || byte >= 0x80 || is_alphanumeric(text[fault.position])))
    detail += "; a string stands in double quotes";
  return {errc::invalid_json, std::move(detail)};
}

result<void> check_json(std::string_view text, int depth_max) {
  json_check_only sink;
  auto const fault = scan_json(text, sink, depth_max);
  if (fault.problem == json_problem::none) return {};
  return json_failure(text, fault);
}

}  // namespace holdfast::protocol
