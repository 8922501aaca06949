#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "protocol/json.hpp"

namespace holdfast::protocol {

/// What a scan found wrong.
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
  control_character,  // not escaped, in a string
  unknown_escape,
  bad_unicode_escape,  // \u without four hexadecimal digits
  not_utf8,
  leading_zero,
  too_deep,
};

struct json_fault {
  json_problem problem = json_problem::none;
  std::size_t position = 0;  ///< index of the byte at fault; the size of the text where it ends too early
};

/// Receives nothing: scanning only checks. It shows what a sink has to offer.
struct json_check_only {
  static void open(char const*) {}                 ///< at the bracket or brace
  static void close(char const*) {}                ///< behind the bracket or brace
  static void name(char const*, char const*) {}    ///< of a member: the text with its quotes
  static void scalar(char const*, char const*) {}  ///< a string with its quotes, a number, true, false or null
};

/// Reads one JSON text (RFC 8259) from front to back without recursion, nested at most json_depth_max deep, and tells
/// `sink` what it finds, in the order of the text. Any number and any \u escape of the grammar is taken, also 1e999 and
/// half a surrogate pair; bytes have to be UTF-8 (RFC 3629). What the sink was told before a fault is void.
template <class Sink>
class json_scanner {
 public:
  json_scanner(std::string_view text, Sink& sink)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), sink_(sink) {}

  [[nodiscard]] json_fault scan() {
    for (;;) {
      skip_space();
      if (at_ == end_) return fault(json_problem::value_expected);
      if (*at_ == '{' || *at_ == '[') {
        if (depth_ == json_depth_max) return fault(json_problem::too_deep);
        sink_.open(at_);
        open_[depth_++] = *at_;
        ++at_;
        skip_space();
        if (!at_closing()) {
          if (open_[depth_ - 1] == '{' && !scan_name(json_problem::name_or_end_expected)) return fault_;
          continue;
        }
      } else if (!scan_scalar()) {
        return fault_;
      } else if (depth_ == 0) {
        return scan_end();
      } else {
        skip_space();
      }
      // Behind a value, or before the bracket that ends an empty container.
      while (at_closing()) {
        ++at_;
        --depth_;
        sink_.close(at_);
        if (depth_ == 0) return scan_end();
        skip_space();
      }
      auto const in_object = open_[depth_ - 1] == '{';
      if (at_ == end_ || *at_ != ',')
        return fault(in_object ? json_problem::comma_or_brace_expected : json_problem::comma_or_bracket_expected);
      ++at_;
      if (!in_object) continue;
      skip_space();
      if (!scan_name(json_problem::name_expected)) return fault_;
    }
  }

 private:
  json_fault fault(json_problem problem) { return fault_ = {problem, static_cast<std::size_t>(at_ - begin_)}; }
  bool fail(json_problem problem) {
    fault(problem);
    return false;
  }

  // Both closing characters are two behind their opening ones in ASCII.
  [[nodiscard]] bool at_closing() const { return at_ != end_ && *at_ == open_[depth_ - 1] + 2; }

  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  json_fault scan_end() {
    skip_space();
    return at_ == end_ ? json_fault{} : fault(json_problem::more_than_one_value);
  }

  /// A name and its colon.
  bool scan_name(json_problem if_missing) {
    if (at_ == end_ || *at_ != '"') return fail(if_missing);
    auto const* const begin = at_;
    if (!scan_string()) return false;
    sink_.name(begin, at_);
    skip_space();
    if (at_ == end_ || *at_ != ':') return fail(json_problem::colon_expected);
    ++at_;
    return true;
  }

  bool scan_scalar() {
    auto const* const begin = at_;
    bool good = false;
    switch (*at_) {
      case '"':
        good = scan_string();
        break;
      case 't':
        good = scan_literal("true");
        break;
      case 'f':
        good = scan_literal("false");
        break;
      case 'n':
        good = scan_literal("null");
        break;
      default:
        if (*at_ != '-' && !at_digit()) return fail(json_problem::value_expected);
        good = scan_number();
    }
    if (good) sink_.scalar(begin, at_);
    return good;
  }

  bool scan_literal(std::string_view literal) {
    if (static_cast<std::size_t>(end_ - at_) < literal.size() || std::memcmp(at_, literal.data(), literal.size()) != 0)
      return fail(json_problem::value_expected);
    at_ += literal.size();
    return true;
  }

  [[nodiscard]] bool at_digit() const { return at_ != end_ && *at_ >= '0' && *at_ <= '9'; }

  bool scan_digits() {
    if (!at_digit()) return fail(json_problem::digit_expected);
    do ++at_;
    while (at_digit());
    return true;
  }

  bool scan_number() {
    if (*at_ == '-') ++at_;
    if (at_ != end_ && *at_ == '0') {
      ++at_;
      if (at_digit()) return fail(json_problem::leading_zero);
    } else if (!scan_digits()) {
      return false;
    }
    if (at_ != end_ && *at_ == '.') {
      ++at_;
      if (!scan_digits()) return false;
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!scan_digits()) return false;
    }
    return true;
  }

  bool scan_string() {
    ++at_;
    for (;;) {
      skip_plain();
      if (at_ == end_) return fail(json_problem::string_end_expected);
      auto const byte = static_cast<unsigned char>(*at_);
      if (byte == '"') {
        ++at_;
        return true;
      }
      if (byte == '\\') {
        if (!scan_escape()) return false;
      } else if (byte < 0x20) {
        return fail(json_problem::control_character);
      } else if (!scan_multibyte(byte)) {
        return false;
      }
    }
  }

  static bool is_plain(char c) {
    auto const byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
  }

  /// Skips printable ASCII that means nothing in a string.
  void skip_plain() {
#ifdef __SSE2__
    while (end_ - at_ >= 16) {
      auto const bytes = _mm_loadu_si128(reinterpret_cast<__m128i const*>(at_));
      // As signed numbers both control characters and bytes from 0x80 on are less than 0x20.
      auto const special = _mm_or_si128(
          _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
          _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
      auto const mask = static_cast<unsigned>(_mm_movemask_epi8(special));
      if (mask != 0) {
        at_ += std::countr_zero(mask);
        return;
      }
      at_ += 16;
    }
#endif
    while (at_ != end_ && is_plain(*at_)) ++at_;
  }

  bool scan_escape() {
    auto const* const begin = at_;
    ++at_;
    if (at_ == end_) return fail(json_problem::string_end_expected);
    if (std::string_view("\"\\/bfnrt").find(*at_) != std::string_view::npos) {
      ++at_;
      return true;
    }
    if (*at_ != 'u') {
      at_ = begin;
      return fail(json_problem::unknown_escape);
    }
    ++at_;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ == end_) return fail(json_problem::string_end_expected);
      if (!at_digit() && !(*at_ >= 'a' && *at_ <= 'f') && !(*at_ >= 'A' && *at_ <= 'F')) {
        at_ = begin;
        return fail(json_problem::bad_unicode_escape);
      }
    }
    return true;
  }

  /// One character of two to four bytes: RFC 3629 §4.
  bool scan_multibyte(unsigned char first) {
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    std::ptrdiff_t size = 0;
    if (first >= 0xC2 && first <= 0xDF) {
      size = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
      size = 3;
      if (first == 0xE0) low = 0xA0;
      if (first == 0xED) high = 0x9F;
    } else if (first >= 0xF0 && first <= 0xF4) {
      size = 4;
      if (first == 0xF0) low = 0x90;
      if (first == 0xF4) high = 0x8F;
    }
    if (size == 0 || end_ - at_ < size) return fail(json_problem::not_utf8);
    for (std::ptrdiff_t i = 1; i < size; ++i) {
      auto const byte = static_cast<unsigned char>(at_[i]);
      if (byte < low || byte > high) return fail(json_problem::not_utf8);
      low = 0x80;
      high = 0xBF;
    }
    at_ += size;
    return true;
  }

  char const* begin_;
  char const* at_;
  char const* end_;
  Sink& sink_;
  int depth_ = 0;
  json_fault fault_;
  std::array<char, json_depth_max> open_;  // the brackets that are open; the first depth_ are set
};

/// Scans `text` for `sink`. @return the first fault, or problem `none`.
template <class Sink>
[[nodiscard]] json_fault scan_json(std::string_view text, Sink& sink) {
  return json_scanner<Sink>(text, sink).scan();
}

/// What a client is told about a fault: what is wrong, at which line and column, and what stands there.
[[nodiscard]] failure json_failure(std::string_view text, json_fault fault);

}  // namespace holdfast::protocol
