#include "protocol/json_recognizer.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>  // Boost.JSON's own code, which only this file uses
#include <boost/system/error_code.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <system_error>

#include "protocol/json.hpp"

namespace holdfast::protocol {
namespace {

using boost::json::string_view;
using boost::system::error_code;

/// Takes the parser's events and lets everything pass but a number that a double may not hold.
struct events {
  static constexpr auto max_object_size = std::numeric_limits<std::size_t>::max(), max_array_size = max_object_size,
                        max_key_size = max_object_size, max_string_size = max_object_size;

  static bool on_document_begin(error_code&) { return true; }
  static bool on_document_end(error_code&) { return true; }
  static bool on_object_begin(error_code&) { return true; }
  static bool on_object_end(std::size_t, error_code&) { return true; }
  static bool on_array_begin(error_code&) { return true; }
  static bool on_array_end(std::size_t, error_code&) { return true; }
  static bool on_key_part(string_view, std::size_t, error_code&) { return true; }
  static bool on_key(string_view, std::size_t, error_code&) { return true; }
  static bool on_string_part(string_view, std::size_t, error_code&) { return true; }
  static bool on_string(string_view, std::size_t, error_code&) { return true; }
  static bool on_number_part(string_view, error_code&) { return true; }
  static bool on_int64(std::int64_t, string_view, error_code&) { return true; }
  static bool on_uint64(std::uint64_t, string_view, error_code&) { return true; }
  static bool on_double(double value, string_view text, error_code& error) {
    // It rounds the last digits otherwise than strtod(), which matters where a number may be too large for a double.
    if (std::fabs(value) < 1e308) return true;
    double exact = 0;
    auto const [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), exact);
    if (wrong == std::errc() && end == text.data() + text.size()) return true;
    error = boost::json::error::exponent_overflow;
    return false;
  }
  static bool on_bool(bool, error_code&) { return true; }
  static bool on_null(error_code&) { return true; }
  static bool on_comment_part(string_view, error_code&) { return true; }
  static bool on_comment(string_view, error_code&) { return true; }
};

}  // namespace

bool is_certainly_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = json_depth_max;
  boost::json::basic_parser<events> parser(options);
  error_code error;
  auto const used = parser.write_some(false, text.data(), text.size(), error);
  return !error && used == text.size();
}

}  // namespace holdfast::protocol
