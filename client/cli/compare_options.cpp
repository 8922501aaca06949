#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "client/cli/options.hpp"

namespace holdfast::client::cli {

CLI::App* add_compare(CLI::App& app, compare_command& to) {
  auto* const compare =
      app.add_subcommand("compare", "Tell whether two load experiments really differ, and by how much");
  compare->add_option("BEFORE", to.before, "What 'holdfast load --runs N --json FILE' wrote; - is standard input")
      ->required()
      ->type_name("");
  compare->add_option("AFTER", to.after, "The same, of what it is compared with")->required()->type_name("");
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
          "Exit with 4 when a figure has really changed by more: 'p99>+5%', 'throughput<-3%'; may be given again")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("LIMIT");
  compare
      ->add_option("--html", to.html_file,
                   "Write the comparison to this file too, as a page that carries everything, with plots")
      ->type_name("FILE");
  compare->add_flag("--json", to.json, "Print the comparison as JSON");
  compare->footer(R"(Figures: throughput, p50, p90, p99, p99.9, mean, cpu (the client's, a request), errors.
Ten runs a side are good; with fewer than six no figure of all eight can be told from chance, with four that of a
single limit can. A difference is real when p is at most 5 % (exact Mann-Whitney test), after Holm's correction over all
figures, or of a limit over the figures that limits name. A limit is broken when the difference is real and its
estimate is beyond the limit. What can't be judged breaks nothing.

Examples:
  holdfast load --runs 10 --json before.json          then change the server, and
  holdfast load --runs 10 --json after.json
  holdfast compare before.json after.json
  holdfast compare before.json after.json --fail-if 'p99>+5%' --fail-if 'throughput<-3%'
  holdfast compare before.json after.json --html comparison.html

Exit status: 0 no limit broken, or none that could be judged; 2 usage, or a file that is no report; 4 a limit broken.)");
  return compare;
}

}  // namespace holdfast::client::cli
