#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "server/access/access_control.hpp"
#include "server/api/cluster_view.hpp"
#include "server/api/kept_data.hpp"
#include "server/api/route_settings.hpp"
#include "server/insight/insight.hpp"
#include "server/loop/byte_budget.hpp"
#include "server/net/tls_figures.hpp"
#include "server/store/kept_tickets.hpp"
#include "server/store/live_settings.hpp"
#include "server/store/store.hpp"

namespace holdfast::server {

/// The parts of GET /v1/settings that can't change at runtime.
struct fixed_settings {
  std::string writer_key;
  unsigned threads = 1;
  std::size_t waiters_max = 0;
  std::size_t connections_max = 0;
  std::uint64_t memory_bytes_max = 0;
};

/// What all resources of a server share. Outlives them.
struct api_context {
  route_settings const& routes;
  fixed_settings const& fixed;
  server::store& store;
  server::insight& insight;
  live_settings& live;
  byte_budget& under_way;
  std::atomic<std::size_t> const& connections;
  std::atomic<bool> const& draining;
  std::size_t value_bytes_max;
  std::uint64_t start;  ///< distinguishes revisions of this process from those of others
  kept_data const& kept = nothing_kept;
  access_control* access = nullptr;       ///< null: no access control
  tls_figures const* tls = nullptr;       ///< null: plain HTTP
  cluster_view const* cluster = nullptr;  ///< null: this server is alone
  std::shared_ptr<server::kept_tickets> const kept_tickets = std::make_shared<server::kept_tickets>();
};

}  // namespace holdfast::server
