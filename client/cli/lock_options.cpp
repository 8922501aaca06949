#include <charconv>
#include <cstdint>

#include "client/cli/options.hpp"
#include "protocol/entity_tag.hpp"

namespace holdfast::client::cli {
namespace {

/// The error in the id of an event, which must be `<start>-<number>` or only the number.
std::string complaint_about_id(std::string const& text) {
  std::uint64_t number = 0;
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  auto const is_number = failed == std::errc() && end == text.data() + text.size();
  if (is_number || protocol::parse_entity_tag('"' + text + '"')) return {};
  return '\'' + text + "' is not the id of an event, such as 3f9c01a2b4d5e6f7-17, nor the number of one";
}

}  // namespace

CLI::App* add_lock(CLI::App& app) {
  auto* const lock = add_command(app, "lock");
  lock->require_subcommand(1);
  return lock;
}

CLI::App* add_lock_events(CLI::App& lock, lock_events_command& to) {
  auto* const events = add_command(lock, "lock events");
  events->add_option("--from", to.from, "Also events after the one with this id or seq")
      ->check([](std::string const& id) { return complaint_about_id(id); })
      ->type_name("ID");
  add_number<std::uint64_t>(*events, "-n,--count", "End after N lines", 1, std::numeric_limits<std::uint64_t>::max(),
                            [&to](auto n) { to.count = n; });
  add_duration(*events, "-d,--duration", "End after this time", [&to](auto duration) { to.duration = duration; });
  events->add_flag("--json", to.json, "Print the server's JSON, one object per line")->group(output_flags);
  return events;
}

CLI::App* add_lock_top(CLI::App& lock, lock_top_command& to) {
  auto* const top = add_command(lock, "lock top");
  add_duration(*top, "--interval", "Time between screens; at least 50ms", [&to](auto interval) {
    // Every screen needs a request, which adds to the load of the server that is being observed.
    if (interval < std::chrono::milliseconds(50)) throw CLI::ValidationError("--interval", "is less than 50ms");
    to.interval = interval;
  })->default_str("500ms");
  add_number<std::uint64_t>(*top, "-n,--count", "End after N screens", 1, std::numeric_limits<std::uint64_t>::max(),
                            [&to](auto n) { to.count = n; });
  return top;
}

}  // namespace holdfast::client::cli
