#include "client/cli/key_commands.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <limits>
#include <optional>

#include "client/cli/console.hpp"

namespace holdfast::client::cli {
namespace {

using std::chrono::nanoseconds;

char const* reason_of(unsigned status) {
  switch (status) {
    case 200:
      return " OK";
    case 201:
      return " Created";
    case 204:
      return " No Content";
    case 304:
      return " Not Modified";
    case 400:
      return " Bad Request";
    case 401:
      return " Unauthorized";
    case 403:
      return " Forbidden";
    case 404:
      return " Not Found";
    case 409:
      return " Conflict";
    case 412:
      return " Precondition Failed";
    case 413:
      return " Content Too Large";
    case 422:
      return " Unprocessable Content";
    case 429:
      return " Too Many Requests";
    case 503:
      return " Service Unavailable";
    case 507:
      return " Insufficient Storage";
    default:
      return "";
  }
}

std::string in_ms(nanoseconds duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f ms", static_cast<double>(duration.count()) / 1e6);
  return text;
}

std::string in_s(double seconds) {
  char text[40];
  std::snprintf(text, sizeof text, "%.3f s", seconds);
  return text;
}

/// The part of an answer or a refusal that -i shows.
struct status_part {
  unsigned status;
  std::string etag;
  std::optional<std::uint64_t> revision;
  std::optional<protocol::lock_timing> timing;
  std::optional<double> ttl_s{};
  bool replayed = false;
};

status_part part_of(result<answer> const& outcome) {
  if (outcome) {
    auto const& done = *outcome;
    return {done.status, done.etag, done.revision, done.timing, done.ttl_s, done.replayed};
  }
  auto const failed = outcome.error();  // by value: a reference would outlive the temporary
  auto const& refused = *failed.refused;
  return {refused.status, refused.etag, refused.revision, refused.timing};
}

std::string status_lines(status_part const& part, nanoseconds total) {
  auto lines = "status:   " + std::to_string(part.status) + reason_of(part.status) + '\n';
  if (part.revision) lines += "revision: " + std::to_string(*part.revision) + '\n';
  if (!part.etag.empty()) lines += "etag:     " + part.etag + '\n';
  if (part.ttl_s) lines += "ttl:      " + in_s(*part.ttl_s) + '\n';
  if (part.replayed) lines += "replayed: the answer to an earlier request\n";
  if (part.timing) lines += "wait:     " + in_ms(part.timing->wait) + "\nhold:     " + in_ms(part.timing->hold) + '\n';
  if (part.timing && part.timing->disk) lines += "disk:     " + in_ms(*part.timing->disk) + '\n';
  return lines + "total:    " + in_ms(total) + '\n';
}

/// Prints the result of a request. @param exact adds no line feed to the value on a terminal
int finish(key_command const& command, result<answer> const& outcome, nanoseconds total, bool exact) {
  std::string text;
  if (command.show_status && (outcome || outcome.error().refused)) text = status_lines(part_of(outcome), total);
  if (outcome && !outcome->value.empty()) {
    if (command.show_status) text += '\n';
    text += outcome->value;
    // On a terminal the next prompt must start on a new line; programs get the exact bytes.
    if (!exact && ::isatty(STDOUT_FILENO) != 0 && !text.ends_with('\n')) text += '\n';
  }
  auto const printed = print(text);
  if (!outcome) return complain(outcome.error());
  if (printed == exit_ok && outcome->status == 304) {
    remark("the value is still the one with this tag");
    return exit_condition;
  }
  return printed;
}

/// Runs the request built by `make` on a connection of its own.
template <class Command, class Make>
int request(Command const& command, Make make, bool exact = false) {
  auto const started = std::chrono::steady_clock::now();
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): run_task() returns only after it has ended.
  auto const ask = [&](executor on) -> awaitable<int> {
    connection server(on, command.connection);
    auto const outcome = co_await make(server);
    co_return finish(command, outcome, std::chrono::steady_clock::now() - started, exact);
  };
  return run_task(ask);
}

std::optional<std::string> text_of(text_source const& source, std::string const& what) {
  auto const is_given = source.text && *source.text != "-";
  return is_given ? source.text : read_text(source.file, what);
}

/// The key of a later page: `K-2`. With the same key, each page would get the answer of the first one again.
std::string key_of_page(std::string key, std::uint64_t page) {
  auto const end = key.starts_with('"') ? key.size() - 1 : key.size();
  return key.insert(end, '-' + std::to_string(page));
}

awaitable<int> remove_all(executor on, del_command const& command) {
  constexpr unsigned at_once = 1000;
  connection server(on, command.connection);
  auto options = command.options;
  std::uint64_t removed = 0;
  for (std::uint64_t page = 1;; ++page) {
    if (page != 1 && !options.idempotency_key.empty())
      options.idempotency_key = key_of_page(command.options.idempotency_key, page);
    auto const done = co_await server.remove(*command.prefix, at_once, command.all, options);
    if (!done) {
      if (removed != 0) remark(std::to_string(removed) + " keys were removed before");
      co_return complain(done.error());
    }
    removed += done->removed;
    if (!done->next) co_return print(std::to_string(removed) + '\n');
  }
}

}  // namespace

int run(get_command const& command) {
  // Every value that could be stored can be read back, whatever its size.
  auto asked = command;
  asked.connection.value_bytes_max = std::numeric_limits<std::uint64_t>::max() / 2;
  return request(
      asked, [&](connection& server) { return server.get(asked.key, asked.options, asked.wait); }, asked.exact);
}

int run(put_command const& command) {
  auto value = text_of(command.value, "the value");
  if (!value) return exit_usage;
  return request(command,
                 [&](connection& server) { return server.put(command.key, std::move(*value), command.options); });
}

int run(del_command const& command) {
  if (command.prefix) return run_task([&](executor on) { return remove_all(on, command); });
  return request(command, [&](connection& server) { return server.del(command.key, command.options); });
}

int run(patch_command const& command) {
  auto patch = text_of(command.patch, "the patch");
  if (!patch) return exit_usage;
  auto const first = patch->find_first_not_of(" \t\r\n");
  auto const is_array = first != std::string::npos && (*patch)[first] == '[';
  auto const kind = is_array && !command.is_merge ? patch_kind::operations : patch_kind::merge;
  return request(
      command, [&](connection& server) { return server.patch(command.key, kind, std::move(*patch), command.options); });
}

int run(incr_command const& command) {
  return request(command, [&](connection& server) { return server.add(command.key, command.change, command.options); });
}

int run(touch_command const& command) {
  return request(command, [&](connection& server) { return server.touch(command.key, command.options); });
}

}  // namespace holdfast::client::cli
