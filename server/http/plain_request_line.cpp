#include "server/http/plain_request_line.hpp"

#include <array>
#include <cstdint>

namespace holdfast::server {
namespace {

// Classes of characters in a target.
constexpr std::uint8_t ends = 0, plain = 1, has_meaning = 2;
constexpr auto kinds = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned char c = '!'; c < 0x7F; ++c) table[c] = c == '%' || c == '?' || c == '#' ? has_meaning : plain;
  return table;
}();

/// Literals, because each of these comparisons is one instruction.
plain_request_line method_before_a_space(std::string_view text) {
  if (text.starts_with("GET ")) return {.method = method::get, .method_bytes = 3};
  if (text.starts_with("PUT ")) return {.method = method::put, .method_bytes = 3};
  if (text.starts_with("HEAD ")) return {.method = method::head, .method_bytes = 4};
  if (text.starts_with("DELETE ")) return {.method = method::del, .method_bytes = 6};
  return {};
}

std::uint8_t kind_of(char c) {
  return kinds[static_cast<unsigned char>(c)];
}

}  // namespace

plain_request_line recognize_request_line(std::string_view text) {
  auto line = method_before_a_space(text);
  if (!line) return {};
  auto const begin = line.method_bytes + std::size_t(1);
  auto end = begin;
  while (end < text.size() && kind_of(text[end]) == plain) ++end;
  line.target_is_plain = end < text.size() && kind_of(text[end]) == ends && text[begin] == '/';
  while (end < text.size() && kind_of(text[end]) != ends) ++end;
  line.target_bytes = end - begin;
  return end != begin && text.substr(end).starts_with(plain_request_line::end) ? line : plain_request_line();
}

}  // namespace holdfast::server
