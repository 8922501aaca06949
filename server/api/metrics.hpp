#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "server/access/access_control.hpp"
#include "server/api/cluster_view.hpp"
#include "server/api/kept_data.hpp"
#include "server/insight/insight.hpp"
#include "server/net/tls_figures.hpp"
#include "server/store/named_lock_counters.hpp"

namespace holdfast::server {

inline constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

/// What memory is used for, and how much of it may be.
struct memory_use {
  std::uint64_t data_bytes = 0, data_bytes_max = 0;
  std::uint64_t under_way_bytes = 0, under_way_bytes_max = 0;
  std::uint64_t keys = 0;
};

/// All that is counted, in Prometheus's text format. Sums over the threads; never loses anything.
/// @param tls null: plain HTTP. @param cluster null: this server is alone
[[nodiscard]] std::string metrics_text(insight const& source, std::size_t connections, memory_use const& memory,
                                       named_lock_counters const& locks, kept_data const& kept = nothing_kept,
                                       access_control const* access = nullptr, tls_figures const* tls = nullptr,
                                       cluster_view const* cluster = nullptr);

}  // namespace holdfast::server
