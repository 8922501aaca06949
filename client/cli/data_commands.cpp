#include "client/cli/data_commands.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <limits>
#include <utility>

#include "client/cli/console.hpp"
#include "client/export_stream.hpp"
#include "client/json_parts.hpp"
#include "client/watch/event_text.hpp"
#include "protocol/json.hpp"

namespace holdfast::client::cli {
namespace {

/// Puts JSON on one line. Line feeds in JSON are only white space between its parts.
std::string on_one_line(std::string json) {
  std::ranges::replace_if(json, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return json;
}

/// Prints the error and the details of a refusal: the failed checks, the impossible operation, or the wrong line and
/// the number of lines before it.
int complain_in_full(error const& failed) {
  auto const status = complain(failed);
  if (!failed.refused || !protocol::check_json(failed.refused->problem)) return status;
  constexpr std::array usual{"type", "title", "status", "detail", "code"};
  for (auto const& [name, value] : members_of(failed.refused->problem)) {
    if (std::ranges::find(usual, name) == usual.end())
      std::cerr << "  " << name << ": " << on_one_line(std::string(value)) << std::endl;
  }
  return status;
}

// --- list ---------------------------------------------------------------------------------------------------------

std::string line_of(list_entry const& entry, list_command const& command) {
  if (command.json) return on_one_line(entry.json) + '\n';
  std::string line;
  if (command.in_long) {
    char numbers[80];
    std::snprintf(numbers, sizeof numbers, "%12llu  %10llu  %-9s  ", static_cast<unsigned long long>(entry.revision),
                  static_cast<unsigned long long>(entry.bytes),
                  entry.ttl_s ? watch::duration_text(static_cast<long long>(*entry.ttl_s * 1e9)).c_str() : "-");
    line = numbers;
  }
  line += entry.key;
  if (entry.value) line += '\t' + on_one_line(*entry.value);
  return line += '\n';
}

std::string line_of(std::string const& group, list_command const& command) {
  if (command.json) return "{\"group\":" + json_string(group) + "}\n";
  char blanks[80] = "";
  if (command.in_long) std::snprintf(blanks, sizeof blanks, "%12s  %10s  %-9s  ", "-", "-", "-");
  return blanks + group + '\n';
}

/// The keys and groups of a page, in a common order.
std::vector<std::string> lines_of(listing const& page, list_command const& command) {
  std::vector<std::string> lines;
  auto const is_before = [&](std::string const& left, std::string const& right) {
    return command.asked.reverse ? left > right : left < right;
  };
  auto group = page.groups.begin();
  for (auto const& entry : page.entries) {
    while (group != page.groups.end() && is_before(*group, entry.key)) lines.push_back(line_of(*group++, command));
    lines.push_back(line_of(entry, command));
  }
  while (group != page.groups.end()) lines.push_back(line_of(*group++, command));
  return lines;
}

awaitable<int> print_list(executor on, list_command const& command) {
  constexpr std::uint64_t page_max = 1000;
  auto settings = command.connection;
  settings.value_bytes_max = std::numeric_limits<std::uint64_t>::max() / 2;
  connection server(on, std::move(settings));
  auto asked = command.asked;
  for (auto left = command.count.value_or(std::numeric_limits<std::uint64_t>::max()); left != 0;) {
    asked.limit = static_cast<unsigned>(std::min(page_max, left));
    auto const page = co_await server.list(asked, command.options);
    if (!page) co_return complain(page.error());
    std::string text;
    for (auto const& line : lines_of(*page, command)) {
      if (left == 0) break;
      text += line;
      --left;
    }
    if (auto const printed = print(text); printed != exit_ok) co_return printed;
    if (!page->next) break;
    asked.after = *page->next;
  }
  co_return exit_ok;
}

// --- txn ----------------------------------------------------------------------------------------------------------

awaitable<int> transact(executor on, txn_command const& command, std::string const& body) {
  connection server(on, command.connection);
  auto const done = co_await server.transact_json(body, command.options);
  if (done) co_return print(done->value.ends_with('\n') ? done->value : done->value + '\n');
  co_return complain_in_full(done.error());
}

// --- watch --------------------------------------------------------------------------------------------------------

/// Prints how to continue with another command. Programs find the ids in the lines.
void say_where(watch::watch const& changes, watch_command const& command) {
  if (!command.json && !changes.last_id().empty()) remark("--after " + changes.last_id() + " goes on from here");
}

/// @param current points to the watch while there is one and all its changes are printed
awaitable<int> print_changes(executor on, watch_command const& command, watch::watch*& current) {
  auto settings = command.watch;
  settings.stream.server = command.connection.server;
  settings.stream.timeout = command.connection.request_timeout;
  watch::watch changes(on, std::move(settings));
  changes.on_interruption = [](std::string const& why) { remark(why + "; trying again"); };
  current = &changes;
  for (std::uint64_t printed = 0; !command.count || printed < *command.count;) {
    auto const change = co_await changes.next();
    if (!change) {
      auto const status = complain(change.error());
      say_where(changes, command);
      co_return status;
    }
    auto const line = command.json ? on_one_line(change->json) : watch::text_of(*change);
    if (auto const failed = print(line + '\n'); failed != exit_ok) {
      current = nullptr;
      co_return failed;
    }
    if (change->kind != watch::change_kind::live && change->kind != watch::change_kind::lost) ++printed;
  }
  co_return exit_ok;
}

// --- export and import --------------------------------------------------------------------------------------------

awaitable<int> print_export(executor on, export_command const& command) {
  stream_limits limits;
  if (command.connection.request_timeout) limits.connect = limits.answer = *command.connection.request_timeout;
  limits.silence = limits.answer;
  limits.probes = !command.connection.request_timeout;
  export_stream lines(on, command.connection.server, limits);
  if (auto const opened = co_await lines.open(command.prefix, command.options); !opened)
    co_return complain(opened.error());
  for (std::string text;;) {
    auto line = co_await lines.next();
    if (line && *line) (text += **line) += '\n';
    auto const is_last = !line || !*line;
    if (is_last || text.size() >= 64U * 1024) {
      if (auto const failed = print(text); failed != exit_ok) co_return failed;
      text.clear();
    }
    if (!line) co_return complain(line.error());
    if (is_last) co_return exit_ok;
  }
}

/// A file that the destructor closes.
struct input_file {
  int descriptor = STDIN_FILENO;
  ~input_file() {
    if (descriptor > STDIN_FILENO) ::close(descriptor);
  }
};

awaitable<result<std::string>> read_piece(int descriptor) {
  std::string piece(64U * 1024, '\0');
  ssize_t count = -1;
  do {
    count = ::read(descriptor, piece.data(), piece.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    error failed{error_kind::invalid_request, std::string("can't read the lines: ") + std::strerror(errno), {}};
    co_return failed;
  }
  piece.resize(static_cast<std::size_t>(count));
  co_return piece;
}

awaitable<int> send_import(executor on, import_command const& command, int descriptor) {
  connection server(on, command.connection);
  content_source const lines = [descriptor] { return read_piece(descriptor); };
  auto const done = co_await server.import(lines, command.existing, command.options);
  if (!done) co_return complain_in_full(done.error());
  co_return print(done->value.empty() || done->value.ends_with('\n') ? done->value : done->value + '\n');
}

}  // namespace

int run(list_command const& command) {
  return run_stream([&](executor on) { return print_list(on, command); });
}

int run(txn_command const& command) {
  auto const body = read_text(command.transaction.file, "the transaction");
  if (!body) return exit_usage;
  return run_task([&](executor on) { return transact(on, command, *body); });
}

int run(watch_command const& command) {
  watch::watch* changes = nullptr;
  auto const follow = [&](executor on) { return print_changes(on, command, changes); };
  return run_stream(follow, command.duration, [&] {
    if (changes != nullptr) say_where(*changes, command);
  });
}

int run(export_command const& command) {
  return run_stream([&](executor on) { return print_export(on, command); });
}

int run(import_command const& command) {
  input_file file;
  if (!command.file.empty() && command.file != "-") {
    file.descriptor = ::open(command.file.c_str(), O_RDONLY | O_CLOEXEC);
    if (file.descriptor < 0) {
      remark("can't read '" + command.file + "': " + std::strerror(errno));
      return exit_usage;
    }
  }
  return run_task([&](executor on) { return send_import(on, command, file.descriptor); });
}

}  // namespace holdfast::client::cli
