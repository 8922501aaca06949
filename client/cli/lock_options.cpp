#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "client/cli/options.hpp"

namespace holdfast::client::cli {

lock_apps add_lock(CLI::App& app, lock_events_command& events, lock_top_command& top) {
  auto* const lock = app.add_subcommand("lock", "Watch the server's lock: who holds it, who waits, and behind whom");
  lock->require_subcommand(1);
  lock->footer(R"(Examples:
  holdfast lock events                 a line for each request: how long it waited, how long it held, behind whom
  holdfast lock events --json | jq -c 'select(.type == "done" and .position > 3)'
  holdfast lock top                    who holds and who waits now, and who made others wait

--server may stand here as well: 'holdfast --help' tells of it. The page at / of the server shows the same, drawn.)");

  auto* const events_app = lock->add_subcommand("events", "Print what happens to the lock, as it happens");
  events_app->add_flag("--json", events.json, "Print the server's JSON, an object a line");
  events_app
      ->add_option("--from", events.from, "Also what came after this event's number (seq), as far as the server has it")
      ->type_name("N");
  events_app->add_option("-n,--count", events.count, "End after so many lines")->type_name("N");

  auto* const top_app = lock->add_subcommand("top", "Show who holds, who waits and who is to blame, again and again");
  add_duration(*top_app, "--interval", "How often", [&top](auto interval) {
    top.interval = interval;
  })->default_str("500ms");
  top_app->add_option("-n,--count", top.count, "End after so many screens")->type_name("N");
  return {events_app, top_app};
}

}  // namespace holdfast::client::cli
