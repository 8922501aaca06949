#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "server/access/line_log.hpp"
#include "server/access/rate_limits.hpp"
#include "server/access/tokens_in_force.hpp"

namespace holdfast::server {

/// Settings of access control, rate limits and access logs.
struct access_settings {
  std::string tokens_file;                ///< empty: no tokens, and everybody may do everything
  rate_settings rates;                    ///< for each token, or for each address if there are no tokens
  std::size_t connections_max = 0;        ///< for each address; 0: no limit
  std::size_t streams_max = 0;            ///< for each client: watches, exports, imports and event streams; 0: no limit
  std::string audit_file, requests_file;  ///< empty: no log

  [[nodiscard]] bool is_used() const noexcept {
    return !tokens_file.empty() || rates.is_limited() || streams_max != 0 || !audit_file.empty() ||
           !requests_file.empty();
  }
};

/// The objects made from these settings. A null pointer means: not used. Outlives all handlers.
struct access_control {
  /// @throws std::runtime_error that names the file that is wrong, and what to do.
  explicit access_control(access_settings const& settings);

  std::unique_ptr<tokens_in_force> tokens;
  std::unique_ptr<rate_limits> rates;
  per_client_count streams;
  std::unique_ptr<line_log> audit, requests;
};

}  // namespace holdfast::server
