#include "client/cli/compare_command.hpp"

#include <iostream>

#include "client/compare/comparison.hpp"
#include "client/load/output_file.hpp"
#include "client/web/page.hpp"

namespace holdfast::client::cli {

int run(compare_command const& command) {
  auto before = compare::read_experiment(command.before);
  auto after = compare::read_experiment(command.after);
  for (auto const* side : {&before, &after}) {
    if (*side) continue;
    std::cerr << "holdfast: " << side->error().message << '\n';
    return exit_usage;
  }
  load::output_file page;
  if (!command.html_file.empty()) {
    auto const failed = web::page_template().empty() ? std::string(web::no_page) : page.open(command.html_file);
    if (!failed.empty()) {
      std::cerr << "holdfast: " << failed << '\n';
      return exit_usage;
    }
  }
  auto const made = compare::compare_experiments(std::move(*before), std::move(*after), command.limits);
  std::cout << (command.json ? compare::json_of(made) : compare::text_of(made)) << std::flush;
  if (!std::cout) {
    std::cerr << "holdfast: can't write the comparison\n";
    return exit_refused;
  }
  if (!command.html_file.empty()) {
    if (auto const failed = page.write(compare::html_of(made)); !failed.empty()) {
      std::cerr << "holdfast: " << failed << '\n';
      return exit_refused;
    }
  }
  return made.broken() ? exit_threshold : exit_ok;
}

}  // namespace holdfast::client::cli
