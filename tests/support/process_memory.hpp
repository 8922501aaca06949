#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::tests {

/// Memory that this process keeps resident.
[[nodiscard]] std::int64_t resident_bytes();

/// What the allocator has given out and not got back. Meaningless under a sanitizer.
[[nodiscard]] std::int64_t allocated_bytes();

/// What the kernel keeps for all TCP sockets of this process, received and not yet sent or acknowledged.
[[nodiscard]] std::int64_t socket_bytes();

/// Connections of `port` that the kernel still works on, also of sockets that are closed, by this machine's whole
/// table: neither listening nor in TIME_WAIT.
[[nodiscard]] std::size_t connections_in_kernel(std::uint16_t port);

}  // namespace holdfast::tests
