#pragma once

#include <filesystem>
#include <string>

#include "server/insight/commit_counters.hpp"
#include "server/journal/backup_runner.hpp"
#include "server/journal/commit_queue.hpp"
#include "server/journal/journal.hpp"

namespace holdfast::server {

/// Where the data of a server are kept, as others see it.
struct kept_data {
  journal const* source = nullptr;  ///< null: in memory alone, and all else has no meaning
  commit_queue const* commits = nullptr;
  backup_runner* backups = nullptr;
  std::filesystem::path backups_directory;  ///< each backup is a directory in it
  bool is_synced = true;                    ///< see settings
  commit_counters counters;
};

inline kept_data const nothing_kept;

}  // namespace holdfast::server
