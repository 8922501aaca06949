#pragma once

#include <filesystem>
#include <vector>

namespace holdfast::server {

/// Finds tables in a directory of RocksDB's that the engine would misread, or that would end the process when they are
/// opened; among them such that a power loss has left half-written, which the engine would not open. Debian's build has
/// assertions on, and these fail before any checksum is looked at, where a table's footer names another version or
/// checksum than is written here; and where the block of its properties, which is read first and checked later, says
/// that a hash index follows or that it is compressed. All other damage the engine reports by itself: every bit of
/// small tables was tried. What tables are written with is in rocksdb_engine.cpp.
[[nodiscard]] std::vector<std::filesystem::path> fatal_tables(std::filesystem::path const& directory);

}  // namespace holdfast::server
