#include "client/cli/options.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "client/cli/command_texts.hpp"
#include "protocol/duration.hpp"

namespace holdfast::client::cli {

CLI::App* add_command(CLI::App& app, std::string const& path) {
  auto const& text = text_of_command(path);
  auto* const command = app.add_subcommand(path.substr(path.rfind(' ') + 1), text.summary);
  for (auto const& alias : text.aliases) command->alias(alias);
  command->set_help_flag("-h,--help", "Print this and exit")->group(server_flags);
  return command;
}

CLI::Option* add_duration(CLI::App& app, std::string const& flag, std::string const& what,
                          std::function<void(std::chrono::nanoseconds)> set) {
  auto const name = flag.substr(flag.rfind(',') + 1);
  return app
      .add_option_function<std::string>(
          flag,
          [name, set = std::move(set)](std::string const& text) {
            auto const duration = protocol::parse_duration(text);
            if (!duration) throw CLI::ValidationError(name, duration.error().detail);
            set(*duration);
          },
          what)
      ->type_name("DURATION");
}

namespace {

/// @param where it comes from; the token itself is never shown
void take_token(std::string text, std::string const& where, connection_settings& to) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  if (!is_token(text))
    throw CLI::ValidationError(where + " holds no token: it is one word, as 'holdfast-server token new' prints it");
  to.server.token = std::move(text);
}

}  // namespace

void take_token_of_environment(connection_settings& to) {
  auto const* const token = std::getenv("HOLDFAST_TOKEN");
  if (to.server.token.empty() && token != nullptr && *token != '\0') take_token(token, "HOLDFAST_TOKEN", to);
}

void add_connection_options(CLI::App& app, connection_settings& to) {
  app.add_option_function<std::vector<std::string>>(
         "--server",
         [&to](std::vector<std::string> const& urls) {
           std::vector<endpoint> servers;
           for (auto const& url : urls) {
             auto server = parse_server_url(url);
             if (!server) throw CLI::ValidationError("--server or HOLDFAST_URL", server.error().message);
             servers.push_back(*std::move(server));
           }
           servers.front().token = std::move(to.server.token);
           servers.front().trust = std::move(to.server.trust);
           to.server = std::move(servers.front());
           to.server.others.assign(std::next(servers.begin()), servers.end());
         },
         "Server, or A,B,C; also HOLDFAST_URL")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->envname("HOLDFAST_URL")
      ->type_name("URL")
      ->default_str("127.0.0.1:8080")
      ->group(server_flags);
  app.add_option_function<std::string>(
         "--token-file",
         [&to](std::string const& file) {
           std::ifstream in(file, std::ios::binary);
           std::string text{std::istreambuf_iterator<char>(in), {}};
           if (!in.is_open()) throw CLI::ValidationError("--token-file", "can't read '" + file + '\'');
           take_token(std::move(text), "--token-file: '" + file + "'", to);
         },
         "File with the server's token; else HOLDFAST_TOKEN")
      ->envname("HOLDFAST_TOKEN_FILE")
      ->type_name("FILE")
      ->group(server_flags);
  auto& trust = to.server.trust;
  app.add_option("--ca-cert", trust.ca_certificate, "https: authorities to trust (PEM)")
      ->envname("HOLDFAST_CA_CERT")
      ->type_name("FILE")
      ->group(server_flags);
  app.add_option("--client-cert", trust.client_certificate, "https: certificate to show (PEM)")
      ->envname("HOLDFAST_CLIENT_CERT")
      ->type_name("FILE")
      ->group(server_flags);
  app.add_option("--client-key", trust.client_key, "Its key, if not in the same file")
      ->envname("HOLDFAST_CLIENT_KEY")
      ->type_name("FILE")
      ->group(server_flags);
  app.add_flag("--insecure", trust.accept_any, "https: accept any certificate (unsafe)")->group(server_flags);
  add_duration(app, "--timeout", "Longest wait for an answer",
               [&to](auto timeout) {
                 to.request_timeout.reset();
                 if (timeout.count() != 0) to.request_timeout = timeout;
               })
      ->default_str("0: no limit")
      ->group(server_flags);
}

void add_lock_terms(CLI::App& app, request_options& to) {
  add_duration(app, "--hold", "Keep the lock this long after the operation", [&to](auto hold) {
    to.hold = hold;
  })->group(lock_flags);
  add_lock_timeout(app, to);
}

void add_lock_timeout(CLI::App& app, request_options& to) {
  add_duration(app, "--lock-timeout", "Wait this long for the lock; 0 tries once", [&to](auto timeout) {
    to.lock_timeout = timeout;
  })->group(lock_flags);
}

}  // namespace holdfast::client::cli
