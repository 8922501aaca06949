#include "server/app/memory_limit.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string_view>

namespace holdfast::server {
namespace {

constexpr auto unknown = std::numeric_limits<std::uint64_t>::max();

/// Parses a limit of a cgroup: a number or `max`.
std::uint64_t limit_in(std::string const& path) {
  std::ifstream file(path);
  std::uint64_t bytes = 0;
  return file >> bytes ? bytes : unknown;
}

/// The minimum of the limits of a cgroup and its parents.
std::uint64_t limit_of(std::string const& root, std::string path, std::string const& file) {
  auto least = limit_in(root + file);
  while (path.size() > 1) {
    least = std::min(least, limit_in(root + path + file));
    path.resize(path.rfind('/'));
  }
  return least;
}

}  // namespace

std::uint64_t memory_bytes_of(std::string const& meminfo, std::string const& self_cgroup,
                              std::string const& cgroup_root) {
  auto least = unknown;
  std::istringstream machine(meminfo);
  for (std::string name, unit; machine >> name;) {
    std::uint64_t kib = 0;
    if (!(machine >> kib)) break;
    std::getline(machine, unit);
    if (name == "MemTotal:") least = kib * 1024;
  }
  // Version 2 has one line, `0::/path`; version 1 has one per controller, such as `4:memory:/path`.
  std::istringstream groups(self_cgroup);
  for (std::string line; std::getline(groups, line);) {
    auto const first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    auto const controllers = std::string_view(line).substr(first + 1, second - first - 1);
    auto const path = line.substr(second + 1);
    if (controllers.empty()) least = std::min(least, limit_of(cgroup_root, path, "/memory.max"));
    if (controllers == "memory")
      least = std::min(least, limit_of(cgroup_root + "/memory", path, "/memory.limit_in_bytes"));
  }
  return least;
}

std::uint64_t default_memory_bytes_max() {
  auto const text_of = [](char const* path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  };
  auto bytes = memory_bytes_of(text_of("/proc/meminfo"), text_of("/proc/self/cgroup"), "/sys/fs/cgroup");
  rlimit addresses{};
  if (getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur != RLIM_INFINITY)
    bytes = std::min<std::uint64_t>(bytes, addresses.rlim_cur);
  return bytes / 4 * 3;
}

}  // namespace holdfast::server
