#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace holdfast::server {

/// How a log of RocksDB's ends: its write-ahead log, or its manifest, which has the same form.
struct log_tail {
  /// Up to the end of the last record that is complete and undamaged, and has no damage before it.
  std::uint64_t whole_bytes = 0;
  /// Whether a record begins undamaged somewhere behind the first damage.
  bool goes_on = false;
};

/// Tells a log that was cut off by a power loss from one that was damaged later. Each record was synced before the next
/// one was begun; so of the last one any sectors may be missing, but a record behind the damage means that what is
/// damaged was durable once.
[[nodiscard]] log_tail examine_log(std::string_view bytes);

/// Of a directory of RocksDB's, the logs that a power loss may have torn: those whose last record is incomplete, and
/// nothing follows it. Only the newest log and the manifest in use are ever appended to.
struct torn_file {
  std::filesystem::path path;
  std::uint64_t whole_bytes = 0;
};
[[nodiscard]] std::vector<torn_file> torn_logs(std::filesystem::path const& directory);

/// Cuts a file behind what is whole of it, and keeps a copy beside it.
void cut(torn_file const& file);
/// Makes it as it was.
void undo_cut(torn_file const& file);
void forget_copy(torn_file const& file);

}  // namespace holdfast::server
