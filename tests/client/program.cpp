#include "tests/client/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace holdfast::tests {
namespace {

void require(bool done, char const* what) {
  if (!done) throw std::runtime_error(what);
}

std::pair<int, int> make_pipe() {
  std::array<int, 2> ends{};
  require(::pipe2(ends.data(), O_CLOEXEC) == 0, "pipe");
  return {ends[0], ends[1]};
}

std::pair<int, int> make_terminal(unsigned short columns) {
  int ours = -1, theirs = -1;
  winsize const size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  require(::openpty(&ours, &theirs, nullptr, nullptr, &size) == 0, "openpty");
  ::fcntl(ours, F_SETFD, FD_CLOEXEC);
  ::fcntl(theirs, F_SETFD, FD_CLOEXEC);
  return {ours, theirs};
}

}  // namespace

program::program(std::string const& path, program_input const& input) {
  auto const [in_read, in_write] = make_pipe();
  auto const [out_read, out_write] = input.out >= 0          ? std::pair(-1, ::fcntl(input.out, F_DUPFD_CLOEXEC, 0))
                                     : input.out_is_terminal ? make_terminal(input.terminal_columns)
                                                             : make_pipe();
  auto const [err_read, err_write] = input.err_is_terminal ? make_terminal(input.terminal_columns) : make_pipe();
  std::vector<char*> arguments{const_cast<char*>(path.c_str())};
  for (auto const& argument : input.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  child_ = ::fork();
  require(child_ >= 0, "fork");
  if (child_ == 0) {
    for (auto const& [name, value] : input.environment) ::setenv(name.c_str(), value.c_str(), 1);
    ::dup2(in_read, STDIN_FILENO);
    ::dup2(out_write, STDOUT_FILENO);
    ::dup2(err_write, STDERR_FILENO);
    ::execv(path.c_str(), arguments.data());
    ::_exit(127);
  }
  ::close(in_read);
  ::close(out_write);
  ::close(err_write);
  // The child may end without reading.
  ::signal(SIGPIPE, SIG_IGN);
  require(input.standard_input.size() < 65536, "the input must fit the pipe");
  [[maybe_unused]] auto const written = ::write(in_write, input.standard_input.data(), input.standard_input.size());
  ::close(in_write);
  out_ = out_read;
  err_ = err_read;
}

program::~program() {
  if (child_ > 0) {
    ::kill(child_, SIGKILL);
    wait();
  }
  if (out_ >= 0) ::close(out_);
  if (err_ >= 0) ::close(err_);
}

void program::send_signal(int number) const {
  ::kill(child_, number);
}

bool program::read_some() {
  std::array<pollfd, 2> watched{pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  if (out_ < 0 && err_ < 0) return false;
  ::poll(watched.data(), watched.size(), -1);
  std::array<char, 4096> bytes;
  auto const drain = [&](pollfd const& ready, int& descriptor, std::string& text) {
    if (descriptor < 0 || ready.revents == 0) return;
    auto const count = ::read(descriptor, bytes.data(), bytes.size());
    if (count > 0) {
      text.append(bytes.data(), static_cast<std::size_t>(count));
    } else {
      ::close(std::exchange(descriptor, -1));
    }
  };
  drain(watched[0], out_, result_.out);
  drain(watched[1], err_, result_.err);
  return true;
}

bool program::wait_for_err(std::string const& text) {
  while (result_.err.find(text) == std::string::npos) {
    if (!read_some()) return false;
  }
  return true;
}

bool program::wait_for_out(std::string const& text) {
  while (result_.out.find(text) == std::string::npos) {
    if (!read_some()) return false;
  }
  return true;
}

void program::close_out() {
  if (out_ >= 0) ::close(std::exchange(out_, -1));
}

bool program::has_ended() const {
  siginfo_t ended{};
  return ::waitid(P_PID, static_cast<id_t>(child_), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid != 0;
}

program_result program::wait() {
  while (read_some()) {
  }
  if (child_ > 0) {
    int status = 0;
    ::waitpid(std::exchange(child_, -1), &status, 0);
    result_.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return result_;
}

program_result run_program(std::string const& path, program_input const& input) {
  program child(path, input);
  return child.wait();
}

}  // namespace holdfast::tests
