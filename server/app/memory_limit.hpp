#pragma once

#include <cstdint>
#include <string>

namespace holdfast::server {

/// Three quarters of the memory available to this process: the minimum of the machine's memory, its cgroups' limits and
/// its address space limit. The last quarter is for memory that isn't counted: gaps in the heap, stacks, code.
[[nodiscard]] std::uint64_t default_memory_bytes_max();

/// The memory limit according to `/proc/meminfo`, the cgroup file system at `cgroup_root` and the process's entry in
/// `/proc/self/cgroup`. @return bytes; the largest number if none of them sets a limit.
[[nodiscard]] std::uint64_t memory_bytes_of(std::string const& meminfo, std::string const& self_cgroup,
                                            std::string const& cgroup_root);

}  // namespace holdfast::server
