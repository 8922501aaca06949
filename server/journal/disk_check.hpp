#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace holdfast::server {

/// How a disk handles syncs.
struct disk_report {
  std::string file_system;                  ///< "ext4"; a hexadecimal number if the name is unknown
  std::chrono::nanoseconds write_median{};  ///< appends of 4 KiB without a sync
  std::chrono::nanoseconds sync_median{};   ///< appends of 4 KiB with a sync
  std::chrono::nanoseconds sync_p99{};
  /// Why syncs may not be reliable, in one line; empty if there is no indication. No program can be certain: a disk may
  /// report data as written that it still has in memory.
  std::string doubt;

  /// Durable puts of 100 B per second, by number of writers that write without pause.
  struct rate {
    std::size_t writers = 0;
    double of_log = 0;      ///< only appends to a file with syncs: the upper limit
    double of_journal = 0;  ///< with the journal
  };
  std::vector<rate> rates;
};

/// Measures an existing directory with files of its own, which it removes; takes about ten times `each`. @throws
/// journal_error.
[[nodiscard]] disk_report check_disk(std::filesystem::path const& directory,
                                     std::chrono::milliseconds each = std::chrono::milliseconds(300));

/// Indications against the syncs of a disk; empty if there are none.
[[nodiscard]] std::string doubt_about(std::string const& file_system, bool rotates, std::chrono::nanoseconds write,
                                      std::chrono::nanoseconds sync);

}  // namespace holdfast::server
