#pragma once

#include <filesystem>
#include <vector>

namespace holdfast::server {

/// Finds tables in a RocksDB directory that the engine would misread or that would abort the process, including tables
/// left half-written by a power loss, which the engine would refuse. Debian's build enables assertions. They fail
/// before any checksum is verified if a table's footer names another version or checksum kind than this server writes,
/// or if the properties block, which is read first and checked later, claims a hash index or compression. The engine
/// itself reports all other damage: every bit of small tables was tried. The options for tables are in
/// rocksdb_engine.cpp.
[[nodiscard]] std::vector<std::filesystem::path> fatal_tables(std::filesystem::path const& directory);

}  // namespace holdfast::server
