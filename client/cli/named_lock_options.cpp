#include "client/cli/options.hpp"

namespace holdfast::client::cli {

CLI::App* add_locks(CLI::App& app, locks_command& to) {
  auto* const locks = add_command(app, "locks");
  auto* const name = locks->add_option("NAME", to.lock, "One lock, with its queue; without it all are listed");
  locks->add_option("--prefix", to.prefix, "Only locks whose names begin with this")->excludes(name)->type_name("TEXT");
  locks->add_flag("--json", to.json, "Print the server's JSON, a lock a line")->group(output_flags);
  return locks;
}

CLI::App* add_with_lock(CLI::App& app, with_lock_command& to) {
  auto* const with = add_command(app, "with-lock");
  with->add_option("NAME", to.lock, "The lock")->required();
  with->add_option("COMMAND", to.words, "The command and its arguments, behind --")
      ->required()
      ->expected(1, 1 << 20)
      ->type_name("PROGRAM");
  add_duration(*with, "--lease", "How long the lock is held without a sign of life; at least 1s", [&to](auto lease) {
    if (lease < std::chrono::seconds(1)) throw CLI::ValidationError("--lease", "is less than 1s");
    to.lease = lease;
  })->default_str("10s");
  auto* const wait = add_duration(*with, "--wait", "Give up after so long; without it, wait as long as it takes",
                                  [&to](auto time) { to.wait = time; });
  with->add_flag_callback(
          "--no-wait", [&to] { to.wait = std::chrono::nanoseconds(0); }, "Give up where it is taken")
      ->excludes(wait);
  with->add_option("--owner", to.owner, "What others see; two with one name never wait for each other")
      ->default_str("user@host and process")
      ->type_name("TEXT");
  return with;
}

}  // namespace holdfast::client::cli
