#include "server/json/string.hpp"

#include <cstddef>

#include "protocol/ascii.hpp"
#include "protocol/utf8.hpp"

namespace holdfast::server::json {
namespace {

unsigned four_digits(std::string_view text) {
  unsigned unit = 0;
  for (auto const c : text.substr(0, 4)) unit = unit * 16 + static_cast<unsigned>(protocol::hex_value(c));
  return unit;
}

bool is_high_half(unsigned unit) {
  return unit >= 0xD800 && unit < 0xDC00;
}
bool is_low_half(unsigned unit) {
  return unit >= 0xDC00 && unit < 0xE000;
}

char unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;  // a quote, a backslash or a slash
  }
}

}  // namespace

bool decode(std::string_view text, std::string& decoded) {
  bool whole = true;
  auto rest = text.substr(1, text.size() - 2);
  decoded.clear();
  for (;;) {
    auto const plain = rest.find('\\');
    decoded += rest.substr(0, plain);
    if (plain == std::string_view::npos) return whole;
    auto const escape = rest[plain + 1];
    rest.remove_prefix(plain + 2);
    if (escape != 'u') {
      decoded += unescaped(escape);
      continue;
    }
    auto code = four_digits(rest);
    rest.remove_prefix(4);
    if (is_high_half(code) && rest.starts_with("\\u") && is_low_half(four_digits(rest.substr(2)))) {
      code = 0x10000 + ((code - 0xD800) << 10) + (four_digits(rest.substr(2)) - 0xDC00);
      rest.remove_prefix(6);
    } else if (is_high_half(code) || is_low_half(code)) {
      whole = false;
    }
    protocol::append_utf8(decoded, code);
  }
}

std::string decode_for_comparing(std::string_view text) {
  std::string decoded;
  decode(text, decoded);
  return decoded;
}

std::string_view view_for_comparing(std::string_view text, std::string& storage) {
  auto const inside = text.substr(1, text.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return inside;
  decode(text, storage);
  return storage;
}

bool says(std::string_view text, std::string_view decoded) {
  auto const inside = text.substr(1, text.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return inside == decoded;
  // An escape sequence is longer than the character it stands for.
  return inside.size() > decoded.size() && decode_for_comparing(text) == decoded;
}

void append_string(std::string& out, std::string_view decoded) {
  constexpr std::string_view digits = "0123456789abcdef";
  auto const append_unit = [&](unsigned unit) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += digits[unit >> shift & 15];
  };
  out += '"';
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    auto const byte = static_cast<unsigned char>(decoded[i]);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += decoded[i];
    } else if (byte < 0x20) {
      append_unit(byte);
    } else if (byte == 0xED && i + 2 < decoded.size() && static_cast<unsigned char>(decoded[i + 1]) >= 0xA0) {
      // An unpaired surrogate.
      append_unit(0xD000 | (static_cast<unsigned char>(decoded[i + 1]) & 0x3FU) << 6 |
                  (static_cast<unsigned char>(decoded[i + 2]) & 0x3FU));
      i += 2;
    } else {
      out += decoded[i];
    }
  }
  out += '"';
}

}  // namespace holdfast::server::json
