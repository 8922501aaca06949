#include "client/load/process_clock.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <utility>

namespace holdfast::client::load {

std::optional<process_clock> process_clock::of(::pid_t pid) {
  ::clockid_t id{};
  // A clock id has only 29 bits for the pid, so check the pid itself too.
  if (pid <= 0 || (::kill(pid, 0) != 0 && errno == ESRCH) || ::clock_getcpuclockid(pid, &id) != 0) return std::nullopt;
  std::string name;
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::getline(file, name);
  // Process names may contain any bytes, but reports are text.
  std::ranges::replace_if(name, [](char c) { return c < ' ' || c > '~'; }, '?');
  return process_clock(id, std::move(name));
}

std::optional<std::chrono::nanoseconds> process_clock::now() const {
  timespec time{};
  if (::clock_gettime(clock_, &time) != 0) return std::nullopt;
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace holdfast::client::load
