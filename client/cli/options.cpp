#include "client/cli/options.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <iterator>

#include "protocol/duration.hpp"

namespace holdfast::client::cli {
namespace {

void add_key_options(CLI::App& app, key_command& to) {
  app.add_option("KEY", to.key, "1 to 1024 bytes of UTF-8; slashes are allowed")->required()->type_name("");
  add_duration(app, "--hold", "Keep the lock for this long after the operation, before the answer",
               [&to](auto hold) { to.wishes.hold = hold; });
  add_duration(app, "--lock-timeout", "Give up when the lock is not granted in this time; 0 tries once",
               [&to](auto timeout) { to.wishes.lock_timeout = timeout; });
  app.add_flag("-i,--include", to.show_status, "Also print status, revision, ETag, and where the time went");
}

bool is_negative_number(std::string const& argument) {
  return argument.size() > 1 && argument[0] == '-' && argument[1] >= '0' && argument[1] <= '9';
}

}  // namespace

CLI::Option* add_duration(CLI::App& app, std::string const& flag, std::string const& what,
                          std::function<void(std::chrono::nanoseconds)> set) {
  return app
      .add_option_function<std::string>(
          flag,
          [flag, set = std::move(set)](std::string const& text) {
            auto const duration = protocol::parse_duration(text);
            if (!duration) throw CLI::ValidationError(flag, duration.error().detail);
            set(*duration);
          },
          what)
      ->type_name("DURATION");
}

void add_connection_options(CLI::App& app, connection_settings& to) {
  app.add_option_function<std::string>(
         "--server",
         [&to](std::string const& url) {
           auto server = parse_server_url(url);
           if (!server) throw CLI::ValidationError("--server or HOLDFAST_URL", server.error().message);
           to.server = *server;
         },
         "Where the server is")
      ->envname("HOLDFAST_URL")
      ->type_name("URL")
      ->default_str("http://127.0.0.1:8080");
  add_duration(app, "--timeout",
               "How long a request may take in all; 0 (the default): as long as the lock makes it wait",
               [&to](auto timeout) {
                 to.request_timeout.reset();
                 if (timeout.count() != 0) to.request_timeout = timeout;
               });
}

CLI::App* add_get(CLI::App& app, get_command& to) {
  auto* const get = app.add_subcommand("get", "Print the value of a key");
  add_key_options(*get, to);
  get->add_flag("-n,--exact", to.exact, "Print the value byte for byte, without a line feed of our own");
  get->footer(R"(The value is printed as it was put, followed by a line feed unless it ends with one.

Examples:
  holdfast get my-key
  holdfast get my-key --hold 500ms -i       hold the lock for half a second and see where the time went
  holdfast get config/app --lock-timeout 0  only if the lock is free right now
  holdfast get backup -n > backup.json

--server and --timeout may stand here as well: 'holdfast --help' tells of them.)");
  return get;
}

CLI::App* add_put(CLI::App& app, put_command& to) {
  auto* const put = app.add_subcommand("put", "Store a JSON value under a key");
  add_key_options(*put, to);
  auto* const value = put->add_option("VALUE", to.value, "JSON text; without it and --file, standard input is read");
  value->type_name("");
  put->add_option("--file", to.file, "Read the value from this file; - is standard input")
      ->type_name("FILE")
      ->excludes(value);
  put->footer(R"(Examples:
  holdfast put greeting '"hello"'           a JSON string needs its quotes, and the shell its own
  holdfast put limits '{"cpu": 2}' --hold 1s
  holdfast put temperature -5
  holdfast put backup --file backup.json
  jq .limits config.json | holdfast put limits

--server and --timeout may stand here as well: 'holdfast --help' tells of them.)");
  return put;
}

CLI::App* add_del(CLI::App& app, del_command& to) {
  auto* const del = app.add_subcommand("del", "Remove a key");
  add_key_options(*del, to);
  del->footer(R"(Examples:
  holdfast del greeting
  holdfast del greeting || echo "it was not there"

--server and --timeout may stand here as well: 'holdfast --help' tells of them.)");
  return del;
}

std::vector<std::string> shelter_negative_numbers(std::vector<std::string> arguments) {
  if (std::ranges::find(arguments, "--") != arguments.end()) return arguments;
  std::vector<std::string> others, numbers;
  bool of_option = false;
  for (auto& argument : arguments) {
    auto& list = is_negative_number(argument) && !of_option ? numbers : others;
    of_option = argument.starts_with("--") && argument.find('=') == std::string::npos;
    list.push_back(std::move(argument));
  }
  if (!numbers.empty()) {
    others.emplace_back("--");
    std::ranges::move(numbers, std::back_inserter(others));
  }
  return others;
}

}  // namespace holdfast::client::cli
