#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <charconv>
#include <chrono>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "client/cli/command_line.hpp"

namespace holdfast::client::cli {

// Headings of the flags that many commands have.
constexpr auto condition_flags = "Condition";
constexpr auto lock_flags = "Lock";
constexpr auto output_flags = "Output";
constexpr auto server_flags = "Server";

/// Adds a command with the texts of command_texts(). @param path its name after `holdfast`
CLI::App* add_command(CLI::App& app, std::string const& path);

/// Adds an option whose value is a duration. The error message for other text shows a correct example.
CLI::Option* add_duration(CLI::App& app, std::string const& flag, std::string const& what,
                          std::function<void(std::chrono::nanoseconds)> set);

/// Adds an option whose value is an integer from `least` to `most`. Unlike CLI11, it does not read -5 as
/// 18446744073709551611 if the type is unsigned.
template <class T, class Set>
CLI::Option* add_number(CLI::App& app, std::string const& flag, std::string const& what, T least, T most, Set set) {
  static_assert(std::is_integral_v<T>);
  auto const name = flag.substr(flag.rfind(',') + 1);
  return app
      .add_option_function<std::string>(
          flag,
          [name, least, most, set](std::string const& text) {
            T number{};
            auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
            auto const is_number = failed == std::errc() && end == text.data() + text.size();
            if (!is_number || number < least || number > most) {
              auto const is_bounded = most != std::numeric_limits<T>::max();
              throw CLI::ValidationError(
                  name, '\'' + text + "' is not a whole number" +
                            (is_bounded              ? " from " + std::to_string(least) + " to " + std::to_string(most)
                             : std::is_unsigned_v<T> ? " of at least " + std::to_string(least)
                                                     : ""));
            }
            set(number);
          },
          what)
      ->type_name("N");
}

/// The same for a number with a default.
template <class T>
CLI::Option* add_count(CLI::App& app, std::string const& flag, std::string const& what, T& count, T least, T most) {
  return add_number<T>(app, flag, what, least, most, [&count](T number) { count = number; })
      ->default_str(std::to_string(count));
}

/// Adds --server, --token-file and --timeout, which every command accepts.
void add_connection_options(CLI::App& app, connection_settings& to);

/// Uses the token of HOLDFAST_TOKEN unless a file contains one. @throws CLI::ValidationError
void take_token_of_environment(connection_settings& to);

/// Adds --hold and --lock-timeout, or only the latter.
void add_lock_terms(CLI::App& app, request_options& to);
void add_lock_timeout(CLI::App& app, request_options& to);

// Each function adds a command with its options.
CLI::App* add_get(CLI::App& app, get_command& to);
CLI::App* add_put(CLI::App& app, put_command& to);
CLI::App* add_del(CLI::App& app, del_command& to);
CLI::App* add_patch(CLI::App& app, patch_command& to);
CLI::App* add_incr(CLI::App& app, incr_command& to);
CLI::App* add_touch(CLI::App& app, touch_command& to);
CLI::App* add_list(CLI::App& app, list_command& to);
CLI::App* add_txn(CLI::App& app, txn_command& to);
CLI::App* add_watch(CLI::App& app, watch_command& to);
CLI::App* add_export(CLI::App& app, export_command& to);
CLI::App* add_import(CLI::App& app, import_command& to);
CLI::App* add_load(CLI::App& app, load_command& to);
CLI::App* add_compare(CLI::App& app, compare_command& to);
CLI::App* add_lock(CLI::App& app);  ///< parent of the next two
CLI::App* add_lock_events(CLI::App& lock, lock_events_command& to);
CLI::App* add_lock_top(CLI::App& lock, lock_top_command& to);
CLI::App* add_locks(CLI::App& app, locks_command& to);
CLI::App* add_with_lock(CLI::App& app, with_lock_command& to);

/// Completes settings that depend on several options of `load`, after parsing. @throws CLI::ValidationError
void complete_load(CLI::App const& load, load::load_settings& settings);

}  // namespace holdfast::client::cli
