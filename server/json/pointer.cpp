#include "server/json/pointer.hpp"

#include <charconv>

#include "protocol/ascii.hpp"

namespace holdfast::server::json {

std::optional<pointer_tokens> parse_pointer(std::string_view text) {
  if (!text.empty() && text.front() != '/') return std::nullopt;
  pointer_tokens tokens;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '/') {
      tokens.emplace_back();
    } else if (text[i] != '~') {
      tokens.back() += text[i];
    } else {
      if (++i == text.size() || (text[i] != '0' && text[i] != '1')) return std::nullopt;
      tokens.back() += text[i] == '0' ? '~' : '/';
    }
  }
  return tokens;
}

void append_token(std::string& pointer, std::string_view token) {
  pointer += '/';
  for (auto const c : token) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
}

std::optional<std::size_t> array_position(std::string_view token) {
  if (token.empty() || !protocol::is_digit(token.front()) || (token.size() > 1 && token.front() == '0'))
    return std::nullopt;
  std::size_t position = 0;
  auto const [parsed, error] = std::from_chars(token.data(), token.data() + token.size(), position);
  if (error != std::errc() || parsed != token.data() + token.size()) return std::nullopt;
  return position;
}

}  // namespace holdfast::server::json
