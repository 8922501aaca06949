#pragma once

#include <cstddef>
#include <string>

#include "server/insight/insight.hpp"

namespace holdfast::server {

inline constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

/// All that is counted, in Prometheus's text format. Sums over the threads; never loses anything.
[[nodiscard]] std::string metrics_text(insight const& source, std::size_t connections);

}  // namespace holdfast::server
