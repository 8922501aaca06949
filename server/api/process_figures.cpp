#include "server/api/process_figures.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>

namespace holdfast::server {

process_figures look_at_process() {
  process_figures figures;
  timespec used{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0)
    figures.cpu_ns =
        static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(used.tv_nsec);
  std::uint64_t mapped = 0, resident = 0;
  if (std::ifstream("/proc/self/statm") >> mapped >> resident) {
    auto const page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    figures.virtual_bytes = mapped * page_bytes;
    figures.resident_bytes = resident * page_bytes;
  }
  std::error_code error;
  // Reading the directory uses one descriptor itself.
  for (std::filesystem::directory_iterator one("/proc/self/fd", error), end; !error && one != end; one.increment(error))
    ++figures.descriptors;
  if (figures.descriptors != 0) --figures.descriptors;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.descriptors_max = limit.rlim_cur;
  return figures;
}

}  // namespace holdfast::server
