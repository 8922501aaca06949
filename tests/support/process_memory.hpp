#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::tests {

/// Resident memory of this process.
[[nodiscard]] std::int64_t resident_bytes();

/// Bytes allocated and not freed. Meaningless under a sanitizer.
[[nodiscard]] std::int64_t allocated_bytes();

/// Kernel buffers of all TCP sockets of this process: received, and not yet sent or acknowledged bytes.
[[nodiscard]] std::int64_t socket_bytes();

/// The number of connections of `port` in this machine's table, including those of closed sockets, that are neither
/// listening nor in TIME_WAIT.
[[nodiscard]] std::size_t connections_in_kernel(std::uint16_t port);

}  // namespace holdfast::tests
