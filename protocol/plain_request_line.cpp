#include "protocol/plain_request_line.hpp"

#include <array>
#include <cstdint>

namespace holdfast::protocol {
namespace {

constexpr std::string_view line_end = " HTTP/1.1\r\n";

// What a character makes of a target. Or-ed together they tell what it is all in all, from one pass over it.
constexpr std::uint8_t ends = 0, plain = 1, has_meaning = 2;
constexpr auto kinds = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned char c = '!'; c < 0x7F; ++c) table[c] = c == '%' || c == '?' || c == '#' ? has_meaning : plain;
  return table;
}();

struct method_name {
  method value = method::unknown;
  std::size_t bytes = 0;
};

/// Literals, as their comparisons are one instruction each.
method_name method_before_a_space(std::string_view text) {
  if (text.starts_with("GET ")) return {method::get, 3};
  if (text.starts_with("PUT ")) return {method::put, 3};
  if (text.starts_with("HEAD ")) return {method::head, 4};
  if (text.starts_with("DELETE ")) return {method::del, 6};
  return {};
}

}  // namespace

std::optional<plain_request_line> recognize_request_line(std::string_view text) {
  auto const name = method_before_a_space(text);
  if (name.value == method::unknown) return std::nullopt;
  auto const begin = name.bytes + 1;
  auto end = begin;
  std::uint8_t seen = 0;
  for (; end < text.size(); ++end) {
    auto const kind = kinds[static_cast<unsigned char>(text[end])];
    if (kind == ends) break;
    seen |= kind;
  }
  if (end == begin || !text.substr(end).starts_with(line_end)) return std::nullopt;
  return plain_request_line{.method = name.value,
                            .method_text = text.substr(0, name.bytes),
                            .target = text.substr(begin, end - begin),
                            .target_is_plain = seen == plain && text[begin] == '/',
                            .bytes = end + line_end.size()};
}

}  // namespace holdfast::protocol
