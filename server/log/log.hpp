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

/// The process's log, on standard error, for as long as this lives. Lines go through a bounded queue to a thread that
/// writes them, so a reader that stalls never stalls a request: the oldest lines are dropped then, and their number is
/// reported when the log ends. Lines logged while no log lives are dropped.
class log_scope {
 public:
  /// @param level trace, debug, info, warn, error or off.
  log_scope(std::string const& level, log_format format);

  /// Waits a second at most for what is queued to be written.
  ~log_scope();
  log_scope(log_scope const&) = delete;
  log_scope& operator=(log_scope const&) = delete;
};

// A line is an event in lower case and its fields: `session ended peer=127.0.0.1:5123 requests=3`, or the same as a
// JSON object. Values are escaped: whatever a client sends stays within its line. Any thread.
void log_debug(std::string_view event, log_fields fields = {});
void log_info(std::string_view event, log_fields fields = {});
void log_warn(std::string_view event, log_fields fields = {});
void log_error(std::string_view event, log_fields fields = {});

/// Whether `level` names a level.
[[nodiscard]] bool is_log_level(std::string_view level);

}  // namespace holdfast::server
