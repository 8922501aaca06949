#include "client/cli/options.hpp"

namespace holdfast::client::cli {

CLI::App* add_compare(CLI::App& app, compare_command& to) {
  auto* const compare = add_command(app, "compare");
  compare->add_option("BEFORE", to.before, "Output of `load --runs N --json FILE`; -: standard input")
      ->required()
      ->type_name("FILE");
  compare->add_option("AFTER", to.after, "The same, of the other experiment")->required()->type_name("FILE");
  compare
      ->add_option_function<std::vector<std::string>>(
          "--fail-if",
          [&to](std::vector<std::string> const& texts) {
            for (auto const& text : texts) {
              auto const parsed = compare::parse_limit(text);
              if (!parsed) throw CLI::ValidationError("--fail-if", parsed.error().message);
              to.limits.push_back(*parsed);
            }
          },
          "Exit with 4 if worse by more: 'p99>+5%'")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("LIMIT");
  compare->add_option("--html", to.html_file, "Also write a page with plots to this file")
      ->type_name("FILE")
      ->group(output_flags);
  compare->add_flag("--json", to.json, "Print the comparison as JSON")->group(output_flags);
  return compare;
}

}  // namespace holdfast::client::cli
