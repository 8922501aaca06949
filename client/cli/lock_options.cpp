#include "client/cli/options.hpp"

namespace holdfast::client::cli {

CLI::App* add_lock(CLI::App& app) {
  auto* const lock = add_command(app, "lock");
  lock->require_subcommand(1);
  return lock;
}

CLI::App* add_lock_events(CLI::App& lock, lock_events_command& to) {
  auto* const events = add_command(lock, "lock events");
  add_number<std::uint64_t>(*events, "--from", "Also what came after the event of this number (seq)", 0,
                            std::numeric_limits<std::uint64_t>::max(), [&to](auto n) { to.from = n; });
  add_number<std::uint64_t>(*events, "-n,--count", "End after so many lines", 1,
                            std::numeric_limits<std::uint64_t>::max(), [&to](auto n) { to.count = n; });
  add_duration(*events, "-d,--duration", "End after this time", [&to](auto duration) { to.duration = duration; });
  events->add_flag("--json", to.json, "Print the server's JSON, an object a line")->group(output_flags);
  return events;
}

CLI::App* add_lock_top(CLI::App& lock, lock_top_command& to) {
  auto* const top = add_command(lock, "lock top");
  add_duration(*top, "--interval", "How often; at least 50ms", [&to](auto interval) {
    // Each screen is a request, which the server answers beside those that it is watched for.
    if (interval < std::chrono::milliseconds(50)) throw CLI::ValidationError("--interval", "is less than 50ms");
    to.interval = interval;
  })->default_str("500ms");
  add_number<std::uint64_t>(*top, "-n,--count", "End after so many screens", 1,
                            std::numeric_limits<std::uint64_t>::max(), [&to](auto n) { to.count = n; });
  return top;
}

}  // namespace holdfast::client::cli
