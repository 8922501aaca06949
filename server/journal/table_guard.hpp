#pragma once

#include <filesystem>
#include <optional>

namespace holdfast::server {

/// Finds a table in a directory of RocksDB's that the engine would misread, or that would end the process when it is
/// opened. Debian's build has assertions on, and these fail before any checksum is looked at, where a table's footer names
/// another version or checksum than is written here; and where the block of its properties, which is read first and
/// checked later, says that a hash index follows or that it is compressed. All other damage the engine reports by itself:
/// every bit of small tables was tried. What tables are written with is in rocksdb_engine.cpp.
[[nodiscard]] std::optional<std::filesystem::path> fatal_table(std::filesystem::path const& directory);

}  // namespace holdfast::server
