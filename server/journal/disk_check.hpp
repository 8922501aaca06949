#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace holdfast::server {

/// What a disk makes of syncs.
struct disk_report {
  std::string file_system;                  ///< "ext4"; a number in hexadecimal where it has no name here
  std::chrono::nanoseconds write_median{};  ///< of an append of 4 KiB without a sync
  std::chrono::nanoseconds sync_median{};   ///< of an append of 4 KiB with a sync
  std::chrono::nanoseconds sync_p99{};
  /// Why syncs may not do what they promise, in one line; empty when nothing speaks against them. No program can tell
  /// for sure: a disk may report written what it still has in memory.
  std::string doubt;

  /// Durable puts of 100 B a second, of this many writers that always want to write.
  struct rate {
    std::size_t writers = 0;
    double of_log = 0;      ///< appended to a file and synced, nothing else: the limit
    double of_journal = 0;  ///< by the journal
  };
  std::vector<rate> rates;
};

/// Measures a directory, which must exist, with files of its own that it removes again; takes about ten times `each`.
/// @throws journal_error.
[[nodiscard]] disk_report check_disk(std::filesystem::path const& directory,
                                     std::chrono::milliseconds each = std::chrono::milliseconds(300));

/// What speaks against the syncs of a disk; empty when nothing does.
[[nodiscard]] std::string doubt_about(std::string const& file_system, bool rotates, std::chrono::nanoseconds write,
                                      std::chrono::nanoseconds sync);

}  // namespace holdfast::server
