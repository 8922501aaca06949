#include "client/cli/child_guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <system_error>

namespace holdfast::client::cli {
namespace {

[[noreturn]] void fail(char const* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

bool read_all(int from, void* to, std::size_t bytes) noexcept {
  auto* at = static_cast<char*>(to);
  while (bytes > 0) {
    auto const count = ::read(from, at, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      pollfd wait{from, POLLIN, 0};
      ::poll(&wait, 1, -1);
      continue;
    }
    if (count <= 0) return false;
    at += count;
    bytes -= static_cast<std::size_t>(count);
  }
  return true;
}

void write_all(int to, void const* from, std::size_t bytes) noexcept {
  auto const* at = static_cast<char const*>(from);
  while (bytes > 0) {
    auto const count = ::send(to, at, bytes, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // it is gone; the closed socket reports that
    at += count;
    bytes -= static_cast<std::size_t>(count);
  }
}

std::vector<std::string> split(std::string const& texts) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at < texts.size(); at += all.back().size() + 1) all.emplace_back(texts.c_str() + at);
  return all;
}

/// Runs in the new process. @return the exit status of a shell if the command can't be run; otherwise does not return.
int run(std::vector<std::string>& command, std::vector<std::string>& variables, bool has_terminal) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() == 1) return 1;  // the guard was killed before the prctl()
  ::setpgid(0, 0);
  if (has_terminal) ::tcsetpgrp(STDIN_FILENO, ::getpid());
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<char*> arguments;
  for (auto& one : command) arguments.push_back(one.data());
  arguments.push_back(nullptr);
  for (auto& one : variables) ::putenv(one.data());
  ::execvp(arguments[0], arguments.data());
  auto const error = errno;
  auto const text = "holdfast: can't run " + command[0] + ": " + std::strerror(error) + '\n';
  [[maybe_unused]] auto const written = ::write(STDERR_FILENO, text.data(), text.size());
  return error == ENOENT ? 127 : 126;
}

}  // namespace

child_guard::time child_guard::now() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

child_guard::child_guard() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) fail("can't make a socket");
  process_ = ::fork();
  if (process_ < 0) fail("can't start a process");
  if (process_ == 0) {
    ::close(ends[0]);
    guard(ends[1]);
  }
  ::close(ends[1]);
  socket_ = ends[0];
}

/// Also ends the command if it still runs.
child_guard::~child_guard() {
  ::close(socket_);
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void child_guard::send(message const& one) noexcept {
  write_all(socket_, &one, sizeof one);
}

void child_guard::start(std::vector<std::string> const& command, std::vector<std::string> const& variables,
                        time term_at, time kill_at) {
  std::string words, more;
  for (auto const& one : command) words.append(one.c_str(), one.size() + 1);
  for (auto const& one : variables) more.append(one.c_str(), one.size() + 1);
  send({message::begin, static_cast<std::int32_t>(words.size()), term_at.count(), kill_at.count()});
  auto const bytes = static_cast<std::int32_t>(more.size());
  write_all(socket_, &bytes, sizeof bytes);
  write_all(socket_, words.data(), words.size());
  write_all(socket_, more.data(), more.size());
  std::int32_t group = 0;
  if (read_all(socket_, &group, sizeof group)) group_ = group;
}

void child_guard::kill() noexcept {
  // Kill both processes, since the guard may be stopped. Until the guard has reported the end, the group id is valid.
  if (group_ > 0) ::kill(-group_, SIGKILL);
  send({message::deadline, 0, 0, 0});
  // A guard that is stopped would never tell the end.
  ::kill(process_, SIGCONT);
}

std::optional<int> child_guard::status() noexcept {
  std::int32_t status = 0;
  if (read_all(socket_, &status, sizeof status)) return status;
  // The guard was killed. The kernel has ended only the command itself, not what the command has started.
  if (group_ > 0) ::kill(-group_, SIGKILL);
  return std::nullopt;
}

/// The main function of the guard process.
void child_guard::guard(int socket) {
  sigset_t all, child_ended;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);  // signals of a terminal reach its entire process group
  ::signal(SIGCHLD, SIG_DFL);
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);
  auto const ended = ::signalfd(-1, &child_ended, SFD_CLOEXEC);
  auto const clock = ::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);

  message one{};
  if (!read_all(socket, &one, sizeof one) || one.what != message::begin) ::_exit(0);
  std::int32_t bytes = 0;
  std::string words(static_cast<std::size_t>(one.number), '\0'), more;
  if (!read_all(socket, &bytes, sizeof bytes)) ::_exit(0);
  more.resize(static_cast<std::size_t>(bytes));
  if (!read_all(socket, words.data(), words.size()) || !read_all(socket, more.data(), more.size())) ::_exit(0);
  time term_at(one.term_at), kill_at(one.kill_at);
  // This process may have been stopped since start().
  if (now() >= term_at) ::_exit(0);
  auto command = split(words), variables = split(more);
  auto const has_terminal = ::isatty(STDIN_FILENO) != 0 && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
  auto const child = ::fork();
  if (child == 0) ::_exit(run(command, variables, has_terminal));
  std::int32_t status = 1;
  if (child > 0) {
    ::setpgid(child, child);  // parent and child both do it, to avoid a race
    std::int32_t const group = child;
    write_all(socket, &group, sizeof group);
    for (auto is_termed = false;;) {
      auto const due = std::max(is_termed ? kill_at : term_at, time(1));
      itimerspec when{};
      when.it_value.tv_sec = due / std::chrono::seconds(1);
      when.it_value.tv_nsec = (due % std::chrono::seconds(1)).count();
      ::timerfd_settime(clock, TFD_TIMER_ABSTIME, &when, nullptr);
      std::array<pollfd, 3> wait{{{socket, POLLIN, 0}, {clock, POLLIN, 0}, {ended, POLLIN, 0}}};
      if (::poll(wait.data(), wait.size(), -1) < 0) continue;
      if (wait[2].revents != 0) {
        signalfd_siginfo info{};
        read_all(ended, &info, sizeof info);
        int how = 0;
        if (::waitpid(child, &how, WNOHANG) == child) {
          status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
          break;
        }
      }
      // Handle new deadlines first: they may have arrived while this process was stopped.
      if (wait[0].revents != 0) {
        char next = 0;
        if (!read_all(socket, &one, sizeof one)) {
          kill_at = term_at = time(0);
        } else if (one.what == message::deliver) {
          ::kill(-child, one.number);
          continue;
        } else {
          term_at = time(one.term_at);
          kill_at = time(one.kill_at);
          is_termed = is_termed && now() >= term_at;
          if (::recv(socket, &next, 1, MSG_PEEK | MSG_DONTWAIT) > 0) continue;
        }
      }
      auto const at = now();
      if (at >= kill_at) {
        ::kill(-child, SIGKILL);
        kill_at = at + std::chrono::milliseconds(100);  // repeated until it has ended
        is_termed = true;
      } else if (at >= term_at && !is_termed) {
        ::kill(-child, SIGTERM);
        ::kill(-child, SIGCONT);
        is_termed = true;
      }
    }
    ::kill(-child, SIGKILL);  // processes started by the command and left running
    if (has_terminal) ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
  }
  write_all(socket, &status, sizeof status);
  ::_exit(0);
}

}  // namespace holdfast::client::cli
