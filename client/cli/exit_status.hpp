#pragma once

#include <string_view>
#include <vector>

#include "client/error.hpp"

namespace holdfast::client::cli {

/// The exit statuses of `holdfast`. exit_statuses() describes them, also for --help.
enum exit_status : int {
  exit_ok = 0,
  exit_refused = 1,
  exit_usage = 2,
  exit_unreachable = 3,
  exit_threshold = 4,
  exit_violated = 5,
  exit_undecided = 6,
  exit_timeout = 7,
  exit_condition = 8,
  exit_lock_lost = 74,
  exit_lock_not_got = 75,
  exit_interrupted = 130,
  exit_reader_left = 141,
};

struct exit_status_text {
  exit_status status;
  std::string_view what;  ///< at most 70 characters
};

/// The descriptions of all exit statuses.
[[nodiscard]] std::vector<exit_status_text> const& exit_statuses();

/// The exit status for a request that failed.
[[nodiscard]] exit_status exit_of(error const& failed) noexcept;

}  // namespace holdfast::client::cli
