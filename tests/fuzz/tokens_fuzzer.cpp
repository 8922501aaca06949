// The file of tokens.
#include "server/access/token_file.hpp"
#include "tests/fuzz/fuzzer.hpp"

namespace holdfast::fuzz {

using namespace server;

void fuzz_tokens(std::string_view input) {
  if (auto const when = parse_instant(std::string(input))) {
    auto const second = std::chrono::floor<std::chrono::seconds>(*when);
    auto const again = parse_instant(to_text(*when));
    require(again && *again == second, "an instant that is written is the same", to_text(*when), input);
  }
  auto const tokens = read_tokens(input);
  if (!tokens) {
    require(tokens.error().detail.starts_with("line "), "a refusal names a line", tokens.error().detail, "line …");
    return;
  }
  require(!tokens->empty(), "a file that is taken has a token");
  std::string text;
  for (auto const& one : *tokens) {
    require(!one.name.empty() && !one.permissions.empty(), "a token has a name and allows something");
    text += to_toml(one);
  }
  auto const again = read_tokens(text);
  require(again.has_value(), "what is written is read", again ? "" : again.error().detail, text);
  require(again->size() == tokens->size(), "all tokens are written");
  for (std::size_t i = 0; i < tokens->size(); ++i) {
    auto const &one = (*tokens)[i], &same = (*again)[i];
    require(one.name == same.name && one.secret == same.secret && one.expires.has_value() == same.expires.has_value() &&
                one.permissions.size() == same.permissions.size(),
            "a token that is written is the same");
    if (one.expires)
      require(std::chrono::floor<std::chrono::seconds>(*one.expires) == *same.expires,
              "a token that is written expires at the same time");
    for (std::size_t j = 0; j < one.permissions.size(); ++j) {
      auto const& allowed = one.permissions[j];
      require(to_string(allowed) == to_string(same.permissions[j]), "a token that is written allows the same");
      require(one.allows(allowed.what, allowed.prefix) &&
                  one.allows(allowed.what, allowed.prefix + "x") == one.allows(allowed.what, allowed.prefix),
              "a token allows what it says");
    }
  }
}

}  // namespace holdfast::fuzz
