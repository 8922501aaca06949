#include "client/cli/compare_command.hpp"

#include <iostream>

#include "client/compare/comparison.hpp"

namespace holdfast::client::cli {

int run(compare_command const& command) {
  auto before = compare::read_experiment(command.before);
  auto after = compare::read_experiment(command.after);
  for (auto const* side : {&before, &after}) {
    if (*side) continue;
    std::cerr << "holdfast: " << side->error().message << '\n';
    return exit_usage;
  }
  auto const made = compare::compare_experiments(std::move(*before), std::move(*after), command.limits);
  std::cout << (command.json ? compare::json_of(made) : compare::text_of(made)) << std::flush;
  if (!std::cout) {
    std::cerr << "holdfast: can't write the comparison\n";
    return exit_refused;
  }
  return made.broken() ? exit_threshold : exit_ok;
}

}  // namespace holdfast::client::cli
