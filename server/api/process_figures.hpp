#pragma once

#include <cstdint>

namespace holdfast::server {

/// Figures of the operating system about this process; 0 if unavailable.
struct process_figures {
  std::uint64_t cpu_ns = 0;
  std::uint64_t resident_bytes = 0, virtual_bytes = 0;
  std::uint64_t descriptors = 0, descriptors_max = 0;
};

[[nodiscard]] process_figures look_at_process();

}  // namespace holdfast::server
