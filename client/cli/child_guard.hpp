#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::client::cli {

/// A separate process that runs a command and ends it at its deadline, even if this process is stopped or killed
/// meanwhile. It is forked before any thread exists, and is idle until start().
///
/// The command gets its own process group, so that everything it has started ends with it. If this process has the
/// terminal, it passes the terminal to that group.
class child_guard {
 public:
  /// Time that includes the machine's sleep, like the server's lease time.
  using time = std::chrono::nanoseconds;
  [[nodiscard]] static time now() noexcept;

  /// Forks the process. @throws std::system_error.
  child_guard();
  ~child_guard();
  child_guard(child_guard const&) = delete;
  child_guard& operator=(child_guard const&) = delete;

  /// Starts the command with additional environment variables, each `NAME=value`.
  void start(std::vector<std::string> const& command, std::vector<std::string> const& variables, time term_at,
             time kill_at);
  /// Sets when the command gets SIGTERM, and when SIGKILL, if it still runs.
  void set_deadline(time term_at, time kill_at) { send({message::deadline, 0, term_at.count(), kill_at.count()}); }
  void signal(int number) { send({message::deliver, number, 0, 0}); }
  /// Ends the command at once, even if the guard is stopped. Do not call after status().
  void kill() noexcept;

  /// A descriptor that becomes readable when the command has ended. It may be made non-blocking, but not closed.
  [[nodiscard]] int descriptor() const noexcept { return socket_; }
  /// Call when the descriptor is readable: the exit status as in a shell; nullopt if the guard was killed. Then this
  /// ends the command and its process group.
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
