#include "tests/support/process_memory.hpp"

#include <asm/socket.h>
#include <dirent.h>
#include <linux/sock_diag.h>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <limits>
#include <memory>
#include <string>

namespace holdfast::tests {

std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

std::int64_t allocated_bytes() {
  auto const all = ::mallinfo2();
  return static_cast<std::int64_t>(all.uordblks + all.hblkhd);
}

std::int64_t socket_bytes() {
  std::int64_t bytes = 0;
  std::unique_ptr<DIR, int (*)(DIR*)> const descriptors(::opendir("/proc/self/fd"), &::closedir);
  while (auto const* const one = ::readdir(descriptors.get())) {
    if (one->d_name[0] == '.') continue;
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    socklen_t size = sizeof memory;
    if (::getsockopt(std::stoi(one->d_name), SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0) continue;
    bytes += memory[SK_MEMINFO_RMEM_ALLOC] + memory[SK_MEMINFO_WMEM_QUEUED] + memory[SK_MEMINFO_FWD_ALLOC];
  }
  return bytes;
}

std::size_t connections_in_kernel(std::uint16_t port) {
  constexpr unsigned time_wait = 6, listening = 10;
  std::ifstream table("/proc/net/tcp");
  table.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  std::size_t count = 0;
  // `0: 0100007F:1F90 00000000:0000 0A …`: number, both ends in hexadecimal, state
  for (std::string number, local, remote, state; table >> number >> local >> remote >> state;) {
    table.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    auto const how = std::stoul(state, nullptr, 16);
    auto const is_of_port = std::stoul(local.substr(local.find(':') + 1), nullptr, 16) == port;
    if (is_of_port && how != time_wait && how != listening) ++count;
  }
  return count;
}

}  // namespace holdfast::tests
