#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace holdfast::server {

enum class log_format { text, json };

/// A named value of a log line.
struct log_field {
  template <class T>
  log_field(std::string_view field_name, T const& field_value) : name(field_name) {
    if constexpr (std::is_integral_v<T>) {
      value = static_cast<std::int64_t>(field_value);
    } else {
      value = std::string(field_value);
    }
  }

  std::string_view name;
  std::variant<std::int64_t, std::string> value;
};
using log_fields = std::initializer_list<log_field>;

/// The process's log on standard error, open for the lifetime of this object. Lines go through a bounded queue to a
/// writer thread, so a slow reader never delays a request: the oldest lines are dropped instead, and their number is
/// reported later. Lines logged while no log_scope exists are dropped.
class log_scope {
 public:
  /// @param level trace, debug, info, warn, error or off.
  log_scope(std::string const& level, log_format format);

  /// Waits at most one second for queued lines to be written.
  ~log_scope();
  log_scope(log_scope const&) = delete;
  log_scope& operator=(log_scope const&) = delete;
};

// A line is a lower-case event and its fields: `session ended peer=127.0.0.1:5123 requests=3`, or the same as a JSON
// object. Values are escaped, so data from clients cannot start a new line. Thread-safe.
void log_debug(std::string_view event, log_fields fields = {});
void log_info(std::string_view event, log_fields fields = {});
void log_warn(std::string_view event, log_fields fields = {});
void log_error(std::string_view event, log_fields fields = {});

/// True if `level` is a valid level name.
[[nodiscard]] bool is_log_level(std::string_view level);

}  // namespace holdfast::server
