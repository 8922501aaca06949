// The settings of an experiment, in TOML.
#include <algorithm>

#include "client/load/experiment.hpp"
#include "tests/fuzz/fuzzer.hpp"

namespace holdfast::fuzz {

void fuzz_experiment(std::string_view input) {
  auto const entries = client::load::parse_experiment(input);
  if (!entries) {
    auto const& detail = entries.error().detail;
    require(detail.find(": ") != std::string::npos && detail.find_first_not_of("0123456789") == detail.find(':'),
            "a refusal begins with a line", detail, "17: …");
    return;
  }
  auto const lines = static_cast<std::size_t>(std::ranges::count(input, '\n')) + 1;
  std::size_t last = 0;
  for (auto const& one : *entries) {
    require(one.line >= last && one.line <= lines, "entries are in the order of lines");
    last = one.line;
  }
}

}  // namespace holdfast::fuzz
