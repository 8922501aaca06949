#pragma once

#include <filesystem>
#include <string>

#include "server/insight/commit_counters.hpp"
#include "server/journal/backup_runner.hpp"
#include "server/journal/commit_queue.hpp"
#include "server/journal/journal.hpp"

namespace holdfast::server {

/// Where a server keeps its data, as the API shows it.
struct kept_data {
  journal const* source = nullptr;  ///< null: memory only; then the other members have no meaning
  commit_queue const* commits = nullptr;
  backup_runner* backups = nullptr;
  std::filesystem::path backups_directory;  ///< contains a directory for each backup
  bool is_synced = true;                    ///< see settings
  commit_counters counters;
};

inline kept_data const nothing_kept;

}  // namespace holdfast::server
