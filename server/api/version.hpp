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

/// The answer of GET /version.
[[nodiscard]] std::string version_json();

}  // namespace holdfast::server
