#include "protocol/percent.hpp"

#include "protocol/ascii.hpp"

namespace holdfast::protocol {
namespace {

bool stands_in_path(char c) {
  constexpr std::string_view others = "-._~!$&'()*+,;=:@/";
  return is_alphanumeric(c) || others.find(c) != std::string_view::npos;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    auto const high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::string decode_unreserved(std::string_view path) {
  std::string decoded;
  decoded.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%') {
      auto const high = i + 2 < path.size() ? hex_value(path[i + 1]) : -1;
      auto const low = high < 0 ? -1 : hex_value(path[i + 2]);
      // From a broken escape on nothing is decoded: with what is decoded behind it, it could become one that is not.
      if (low < 0) return decoded += path.substr(i);
      auto const c = static_cast<char>(high * 16 + low);
      if (is_alphanumeric(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
        decoded += c;
      } else {
        decoded += path.substr(i, 3);
      }
      i += 2;
      continue;
    }
    decoded += path[i];
  }
  return decoded;
}

namespace {

std::string percent_encode(std::string_view bytes, bool (*stands)(char)) {
  constexpr auto digits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(bytes.size());
  for (char const c : bytes) {
    if (stands(c)) {
      encoded += c;
    } else {
      auto const byte = static_cast<unsigned char>(c);
      encoded += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace

std::string percent_encode_path(std::string_view bytes) {
  return percent_encode(bytes, stands_in_path);
}

std::string percent_encode_query(std::string_view bytes) {
  return percent_encode(
      bytes, [](char c) { return is_alphanumeric(c) || std::string_view("-._~/").find(c) != std::string_view::npos; });
}

}  // namespace holdfast::protocol
