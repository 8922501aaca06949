#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::server {

/// The end of a RocksDB log: the write-ahead log, or the manifest, which has the same format.
struct log_tail {
  /// End of the last record that is complete and undamaged, with no damage before it.
  std::uint64_t whole_bytes = 0;
  /// True if an undamaged record begins somewhere after the first damage.
  bool goes_on = false;
};

/// Distinguishes a log that a power loss cut off from one that was damaged later. Each record was synced before the
/// next began, so sectors may be missing only in the last one. A record after the damage proves that the damaged part
/// was once durable.
[[nodiscard]] log_tail examine_log(std::string_view bytes);

/// The logs of a RocksDB directory that a power loss may have cut off: those that end with an incomplete record. Only
/// the newest log and the current manifest are ever appended to.
struct torn_file {
  std::filesystem::path path;
  std::uint64_t whole_bytes = 0;
  std::uint64_t torn_bytes = 0;  ///< behind them
};
[[nodiscard]] std::vector<torn_file> torn_logs(std::filesystem::path const& directory);
/// True if no other write-ahead log has any damage.
[[nodiscard]] bool other_logs_are_whole(std::filesystem::path const& directory, std::span<torn_file const> files);
/// What is behind the undamaged parts, in one line for people; empty if there is nothing.
[[nodiscard]] std::string text_of(std::span<torn_file const> files);

/// Truncates files after their undamaged parts, and keeps copies of the originals: of all, or of none if it throws.
void cut(std::span<torn_file const> files);
/// Restores the originals.
void undo_cut(std::span<torn_file const> files);
void forget_copies(std::span<torn_file const> files);

}  // namespace holdfast::server
