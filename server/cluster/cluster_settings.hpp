#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "server/cluster/etcd_client.hpp"

namespace holdfast::server {

/// When a leader answers reads.
enum class read_rule : std::uint8_t {
  confirmed,  ///< when etcd has confirmed, after the read, that it still leads
  lease,      ///< at once, as long as its lease has not ended by its own clock
};

/// One server's place among several that keep their data in one etcd. Not a cluster where the name is empty.
struct cluster_settings {
  std::string name{};       ///< of the cluster, in etcd's keys
  std::string advertise{};  ///< http://HOST:PORT where the others reach this server
  etcd_settings etcd{};
  std::chrono::seconds lease{5};  ///< how long a leader that has vanished keeps its place
  read_rule reads = read_rule::confirmed;
  std::chrono::nanoseconds compaction_period = std::chrono::minutes(5);  ///< of etcd's history; 0: never

  /// Of all keys of the cluster; ends with a slash.
  [[nodiscard]] std::string prefix() const { return "/holdfast/" + name + '/'; }
  [[nodiscard]] std::string candidates() const { return prefix() + "leader/"; }
  [[nodiscard]] std::string meta_key() const { return prefix() + "meta"; }
  [[nodiscard]] std::string entries() const { return prefix() + "k/"; }
  /// What did not fit into one of etcd's values, of entries.
  [[nodiscard]] std::string rests() const { return prefix() + "x/"; }
  [[nodiscard]] std::string pieces() const { return prefix() + "p/"; }
};

}  // namespace holdfast::server
