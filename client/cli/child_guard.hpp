#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::client::cli {

/// A process of its own that runs a command for us, and ends it when its time is up, even when we are stopped or killed
/// meanwhile: then nobody else could. It is forked before there are threads, and idle until start().
///
/// The command gets a process group of its own, so that all that it has started ends with it; where we have the
/// terminal, that group gets it.
class child_guard {
 public:
  /// Time that goes on while the machine sleeps, as the server's does.
  using time = std::chrono::nanoseconds;
  [[nodiscard]] static time now() noexcept;

  /// Forks it. @throws std::system_error.
  child_guard();
  ~child_guard();
  child_guard(child_guard const&) = delete;
  child_guard& operator=(child_guard const&) = delete;

  /// Starts the command, with more variables in its environment, each `NAME=value`.
  void start(std::vector<std::string> const& command, std::vector<std::string> const& variables, time term_at,
             time kill_at);
  /// When it gets SIGTERM, and when SIGKILL, unless it has ended.
  void set_deadline(time term_at, time kill_at) { send({message::deadline, 0, term_at.count(), kill_at.count()}); }
  void signal(int number) { send({message::deliver, number, 0, 0}); }
  /// It is ended at once, also where the guard is stopped. Not after status().
  void kill() noexcept;

  /// A descriptor that is readable when the command has ended.
  [[nodiscard]] int descriptor() const noexcept { return socket_; }
  /// After that: the exit status as a shell would have it; empty: the guard was killed, and the command with it.
  [[nodiscard]] std::optional<int> status() noexcept;

 private:
  struct message {
    enum kind : std::int32_t { begin, deadline, deliver };
    kind what;
    std::int32_t number;
    std::int64_t term_at, kill_at;
  };
  void send(message const& one) noexcept;
  [[noreturn]] static void guard(int socket);

  int socket_ = -1;
  pid_t process_ = -1, group_ = -1;
};

}  // namespace holdfast::client::cli
