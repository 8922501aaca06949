#pragma once

#include <filesystem>
#include <optional>

namespace holdfast::server {

/// Finds a table in a directory of RocksDB's that would end the process when it is opened. The engine reads the block of
/// a table's properties before it checks its checksum. A bit of the block's last byte says that a hash index follows, and
/// the byte behind it says how the block is compressed, which it never is: where either is wrong, an assertion fails, and
/// Debian's build has assertions on. All other damage it reports by itself: every bit of small tables was tried.
[[nodiscard]] std::optional<std::filesystem::path> fatal_table(std::filesystem::path const& directory);

}  // namespace holdfast::server
