#pragma once

#include "server/cluster/cluster_settings.hpp"

namespace holdfast::server {

/// Prints the members of a cluster, its leader, and how far its data go. @return the exit status: 0; 1 where no server
/// leads; 69 where etcd can't be asked
[[nodiscard]] int run_cluster_status(cluster_settings const& cluster);

}  // namespace holdfast::server
