#pragma once

#include "server/cluster/cluster_settings.hpp"

namespace holdfast::server {

/// Prints the members of a cluster, its leader and its revision. @return the exit status: 0; 1 if no server leads; 69
/// if etcd is unreachable.
[[nodiscard]] int run_cluster_status(cluster_settings const& cluster);

}  // namespace holdfast::server
