#pragma once

#include <string>
#include <string_view>

namespace holdfast::server {

/// The version as `--version` prints it, `holdfast-server 0.1.0`.
[[nodiscard]] std::string version_text();

/// What was built of what.
struct build {
  std::string_view version, compiler, boost;
};
[[nodiscard]] build build_info() noexcept;

/// The answer of GET /version. @param journal_json what it shows of the journal, a JSON object.
/// @param cluster_json the same of the cluster; empty: there is none
[[nodiscard]] std::string version_json(std::string_view journal_json, std::string_view cluster_json);

}  // namespace holdfast::server
