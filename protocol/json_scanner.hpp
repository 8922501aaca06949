#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "protocol/ascii.hpp"
#include "protocol/json.hpp"

namespace holdfast::protocol {

/// The error found by a scan.
enum class json_problem {
  none,
  value_expected,
  name_expected,         // after a comma in an object
  name_or_end_expected,  // after the opening brace of an object
  colon_expected,
  comma_or_brace_expected,
  comma_or_bracket_expected,
  digit_expected,
  string_end_expected,
  more_than_one_value,
  control_character,  // unescaped, in a string
  unknown_escape,
  bad_unicode_escape,  // \u without four hexadecimal digits
  not_utf8,
  leading_zero,
  too_deep,
};

struct json_fault {
  json_problem problem = json_problem::none;
  std::size_t position = 0;  ///< offset of the wrong byte; the size of the text if it ends too early
};

/// A sink that ignores everything, for scans that only check. Shows the required members of a sink.
struct json_check_only {
  static void open(char const*) {}                 ///< at the opening bracket or brace
  static void close(char const*) {}                ///< after the closing bracket or brace
  static void name(char const*, char const*) {}    ///< a member's name with its quotes
  static void scalar(char const*, char const*) {}  ///< a string with its quotes, a number, true, false or null
};

/// Scans one JSON text (RFC 8259) without recursion, nested at most `depth_max` deep, and reports its parts to `sink`
/// in the order of the text. Accepts every number and \u escape of the grammar, including 1e999 and unpaired
/// surrogates; bytes must be UTF-8 (RFC 3629). After an error, discard what the sink has received.
template <class Sink>
class json_scanner {
 public:
  /// @param depth_max at most json_depth_with_values_max
  json_scanner(std::string_view text, Sink& sink, int depth_max)
      : begin_(text.data()), end_(begin_ + text.size()), sink_(sink), depth_max_(depth_max) {}

  [[nodiscard]] json_fault scan() {
    // A local variable stays in a register. Each scan_ function takes the start and returns the end, or null on an
    // error.
    auto const* at = begin_;
    for (;;) {
      at = skip_space(at);
      if (at == end_) return fault(at, json_problem::value_expected);
      if (*at == '{' || *at == '[') {
        if (depth_ == depth_max_) return fault(at, json_problem::too_deep);
        sink_.open(at);
        open_[depth_++] = *at;
        at = skip_space(at + 1);
        if (!is_closing(at)) {
          if (open_[depth_ - 1] == '[') continue;
          at = scan_name(at, json_problem::name_or_end_expected);
          if (at == nullptr) return fault_;
          continue;
        }
      } else {
        auto const* const end = scan_scalar(at);
        if (end == nullptr) return fault_;
        sink_.scalar(at, end);
        at = skip_space(end);
      }
      // After a value, or before the end of an empty container.
      while (depth_ != 0 && is_closing(at)) {
        ++at;
        --depth_;
        sink_.close(at);
        at = skip_space(at);
      }
      if (depth_ == 0) return at == end_ ? json_fault{} : fault(at, json_problem::more_than_one_value);
      auto const in_object = open_[depth_ - 1] == '{';
      if (at == end_ || *at != ',')
        return fault(at, in_object ? json_problem::comma_or_brace_expected : json_problem::comma_or_bracket_expected);
      ++at;
      if (!in_object) continue;
      at = scan_name(skip_space(at), json_problem::name_expected);
      if (at == nullptr) return fault_;
    }
  }

 private:
  json_fault fault(char const* at, json_problem problem) {
    return fault_ = {problem, static_cast<std::size_t>(at - begin_)};
  }
  char const* fail(char const* at, json_problem problem) {
    fault(at, problem);
    return nullptr;
  }

  // In ASCII both closing characters are two after their opening ones.
  [[nodiscard]] bool is_closing(char const* at) const { return at != end_ && *at == open_[depth_ - 1] + 2; }
  [[nodiscard]] bool is_digit_at(char const* at) const { return at != end_ && *at >= '0' && *at <= '9'; }

  [[nodiscard]] char const* skip_space(char const* at) const {
    while (at != end_ && static_cast<unsigned char>(*at) <= ' ' &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
      ++at;
    return at;
  }

  /// Scans a name and its colon.
  char const* scan_name(char const* begin, json_problem if_missing) {
    if (begin == end_ || *begin != '"') return fail(begin, if_missing);
    auto const* at = scan_string(begin);
    if (at == nullptr) return nullptr;
    sink_.name(begin, at);
    at = skip_space(at);
    if (at == end_ || *at != ':') return fail(at, json_problem::colon_expected);
    return at + 1;
  }

  char const* scan_scalar(char const* begin) {
    switch (*begin) {
      case '"':
        return scan_string(begin);
      case 't':
        return scan_literal(begin, "true");
      case 'f':
        return scan_literal(begin, "false");
      case 'n':
        return scan_literal(begin, "null");
      default:
        if (*begin != '-' && !is_digit_at(begin)) return fail(begin, json_problem::value_expected);
        return scan_number(begin);
    }
  }

  char const* scan_literal(char const* begin, std::string_view literal) {
    if (static_cast<std::size_t>(end_ - begin) < literal.size() ||
        std::memcmp(begin, literal.data(), literal.size()) != 0)
      return fail(begin, json_problem::value_expected);
    return begin + literal.size();
  }

  char const* scan_digits(char const* at) {
    if (!is_digit_at(at)) return fail(at, json_problem::digit_expected);
    do ++at;
    while (is_digit_at(at));
    return at;
  }

  char const* scan_number(char const* at) {
    if (*at == '-') ++at;
    if (at != end_ && *at == '0') {
      ++at;
      if (is_digit_at(at)) return fail(at, json_problem::leading_zero);
    } else {
      at = scan_digits(at);
      if (at == nullptr) return nullptr;
    }
    if (at != end_ && *at == '.') {
      at = scan_digits(at + 1);
      if (at == nullptr) return nullptr;
    }
    if (at != end_ && (*at == 'e' || *at == 'E')) {
      ++at;
      if (at != end_ && (*at == '+' || *at == '-')) ++at;
      return scan_digits(at);
    }
    return at;
  }

  char const* scan_string(char const* at) {
    ++at;
    for (;;) {
      at = skip_plain(at);
      if (at == end_) return fail(at, json_problem::string_end_expected);
      auto const byte = static_cast<unsigned char>(*at);
      if (byte == '"') return at + 1;
      if (byte == '\\') {
        at = scan_escape(at);
        if (at == nullptr) return nullptr;
      } else if (byte < 0x20) {
        return fail(at, json_problem::control_character);
      } else {
        do {
          at = scan_multibyte(at);
          if (at == nullptr) return nullptr;
        } while (at != end_ && static_cast<unsigned char>(*at) >= 0x80);
      }
    }
  }

  /// Skips printable ASCII characters without special meaning in a string.
  [[nodiscard]] char const* skip_plain(char const* at) const {
#ifdef __SSE2__
    while (end_ - at >= 16) {
      auto const bytes = _mm_loadu_si128(reinterpret_cast<__m128i const*>(at));
      // Compared as signed numbers, both control characters and bytes from 0x80 on are less than 0x20.
      auto const special = _mm_or_si128(
          _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
          _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
      auto const mask = static_cast<unsigned>(_mm_movemask_epi8(special));
      if (mask != 0) return at + std::countr_zero(mask);
      at += 16;
    }
#endif
    while (at != end_ && static_cast<unsigned char>(*at) >= 0x20 && static_cast<unsigned char>(*at) < 0x80 &&
           *at != '"' && *at != '\\')
      ++at;
    return at;
  }

  char const* scan_escape(char const* begin) {
    auto const* at = begin + 1;
    if (at == end_) return fail(at, json_problem::string_end_expected);
    if (*at != 'u') {
      if (std::string_view("\"\\/bfnrt").find(*at) == std::string_view::npos)
        return fail(begin, json_problem::unknown_escape);
      return at + 1;
    }
    ++at;
    for (int i = 0; i < 4; ++i, ++at) {
      if (at == end_) return fail(at, json_problem::string_end_expected);
      if (hex_value(*at) < 0) return fail(begin, json_problem::bad_unicode_escape);
    }
    return at;
  }

  /// Scans one character of two to four bytes (RFC 3629 §4).
  char const* scan_multibyte(char const* at) {
    auto const byte = [&](int i) { return static_cast<unsigned char>(at[i]); };
    auto const continues = [&](int i) { return (byte(i) & 0xC0) == 0x80; };
    auto const first = byte(0);
    auto const left = end_ - at;
    if (first >= 0xC2 && first <= 0xDF) {
      if (left >= 2 && continues(1)) return at + 2;
    } else if ((first & 0xF0) == 0xE0) {
      // Neither an overlong encoding nor a surrogate.
      if (left >= 3 && continues(1) && continues(2) && (first != 0xE0 || byte(1) >= 0xA0) &&
          (first != 0xED || byte(1) < 0xA0))
        return at + 3;
    } else if (first >= 0xF0 && first <= 0xF4) {
      // Neither an overlong encoding nor beyond U+10FFFF.
      if (left >= 4 && continues(1) && continues(2) && continues(3) && (first != 0xF0 || byte(1) >= 0x90) &&
          (first != 0xF4 || byte(1) < 0x90))
        return at + 4;
    }
    return fail(at, json_problem::not_utf8);
  }

  char const* begin_;
  char const* end_;
  Sink& sink_;
  int const depth_max_;
  int depth_ = 0;
  json_fault fault_;
  std::array<char, json_depth_with_values_max> open_;  // the first depth_ entries are the open brackets
};

/// Scans `text` with `sink`. @return the first error, or problem `none`.
template <class Sink>
[[nodiscard]] json_fault scan_json(std::string_view text, Sink& sink, int depth_max = json_depth_max) {
  return json_scanner<Sink>(text, sink, depth_max).scan();
}

/// The error message for clients: the problem, its line and column, and the text at that place.
[[nodiscard]] failure json_failure(std::string_view text, json_fault fault);

}  // namespace holdfast::protocol
