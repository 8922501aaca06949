#include "tests/server/json/random_json.hpp"

#include <array>
#include <string_view>

namespace holdfast::server::json {
namespace {

std::string space(std::mt19937& random) {
  constexpr std::array<std::string_view, 6> spaces{"", "", "", " ", "\n  ", "\t"};
  return std::string(spaces[random() % spaces.size()]);
}

}  // namespace

std::string random_json(std::mt19937& random, int levels_max) {
  constexpr std::array<std::string_view, 12> scalars{"null",   "true", "false", "0",    "1.0",         "-1",
                                                     "0.25e1", "100",  "1E2",   "\"\"", "\"\\u0061\"", "\"é/~\""};
  constexpr std::array<std::string_view, 5> names{"\"a\"", "\"b\"", "\"~/\"", "\"\"", "\"0\""};
  auto const form = random() % 10;
  if (levels_max == 0 || form < 3) return std::string(scalars[random() % scalars.size()]);
  std::string text;
  if (form < 5) {
    for (auto count = random() % 4; count != 0; --count)
      text += (text.empty() ? "" : ",") + space(random) + random_json(random, levels_max - 1) + space(random);
    return "[" + (text.empty() ? space(random) : text) + "]";
  }
  for (auto const name : names) {
    if (random() % 2 == 0) continue;
    text += (text.empty() ? "" : ",") + space(random) + std::string(name) + space(random) + ":" + space(random) +
            random_json(random, levels_max - 1) + space(random);
  }
  return "{" + (text.empty() ? space(random) : text) + "}";
}

}  // namespace holdfast::server::json
