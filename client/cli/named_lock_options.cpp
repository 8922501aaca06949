#include "client/cli/options.hpp"

namespace holdfast::client::cli {

CLI::App* add_locks(CLI::App& app, locks_command& to) {
  auto* const locks = add_command(app, "locks");
  auto* const name = locks->add_option("NAME", to.lock, "One lock, with its queue (default: list all)");
  locks->add_option("--prefix", to.prefix, "Only locks whose names begin with this")->excludes(name)->type_name("TEXT");
  locks->add_flag("--json", to.json, "Print the server's JSON, one lock per line")->group(output_flags);
  return locks;
}

CLI::App* add_with_lock(CLI::App& app, with_lock_command& to) {
  auto* const with = add_command(app, "with-lock");
  with->add_option("NAME", to.lock, "The lock")->required();
  with->add_option("COMMAND", to.words, "Command and arguments, after --")
      ->required()
      ->expected(1, 1 << 20)
      ->type_name("PROGRAM");
  add_duration(*with, "--lease", "Length of the lease; at least 1s", [&to](auto lease) {
    if (lease < std::chrono::seconds(1)) throw CLI::ValidationError("--lease", "is less than 1s");
    to.lease = lease;
  })->default_str("10s");
  auto* const wait = add_duration(*with, "--wait", "Longest wait for the lock", [&to](auto time) {
                       to.wait = time;
                     })->default_str("no limit");
  with->add_flag_callback(
          "--no-wait", [&to] { to.wait = std::chrono::nanoseconds(0); }, "Give up if the lock is taken")
      ->excludes(wait);
  with->add_option("--owner", to.owner, "Name shown to others")
      ->default_str("user@host and process")
      ->type_name("TEXT");
  return with;
}

}  // namespace holdfast::client::cli
