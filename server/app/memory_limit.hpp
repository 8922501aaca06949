#pragma once

#include <cstdint>
#include <string>

namespace holdfast::server {

/// Three quarters of the memory that this process may have: of the machine, of the cgroups that it is in, or of its
/// address space, whichever is least. The last quarter is for what isn't counted: the allocator's gaps, stacks, code.
[[nodiscard]] std::uint64_t default_memory_bytes_max();

/// What a machine's `/proc/meminfo` and the cgroup file system at `cgroup_root` tell, with the process's entry of
/// `/proc/self/cgroup`. @return bytes; the largest number where nothing tells.
[[nodiscard]] std::uint64_t memory_bytes_of(std::string const& meminfo, std::string const& self_cgroup,
                                            std::string const& cgroup_root);

}  // namespace holdfast::server
