#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "server/cluster/etcd_client.hpp"

namespace holdfast::server {

/// When a leader answers reads.
enum class read_rule : std::uint8_t {
  confirmed,  ///< after etcd has confirmed, later than the read, that this server still leads
  lease,      ///< at once, while the lease is valid by the leader's clock
};

/// Settings of one server of a cluster, which keeps its data in etcd. If the name is empty, there is no cluster.
struct cluster_settings {
  std::string name{};            ///< of the cluster; part of its keys in etcd
  std::string advertise{};       ///< URL at which the other servers reach this one: http[s]://HOST:PORT
  std::string ca_certificate{};  ///< PEM file: authorities of the servers' certificates; empty: the system's
  etcd_settings etcd{};
  std::chrono::seconds lease{5};  ///< how long a crashed leader still counts as the leader
  read_rule reads = read_rule::confirmed;
  std::chrono::nanoseconds compaction_period =
      std::chrono::minutes(5);  ///< interval between compactions of etcd's history; 0: never
  /// How many of the latest changes a standby remembers for its time as the leader, and their bytes as counted by
  /// history::bytes_of(); the latest one always.
  std::size_t history_changes_max = 0;
  std::uint64_t history_bytes_max = 0;

  /// The prefix of all keys of the cluster; ends with a slash.
  [[nodiscard]] std::string prefix() const { return "/holdfast/" + name + '/'; }
  [[nodiscard]] std::string candidates() const { return prefix() + "leader/"; }
  [[nodiscard]] std::string meta_key() const { return prefix() + "meta"; }
  [[nodiscard]] std::string secret_key() const { return prefix() + "secret"; }
  [[nodiscard]] std::string entries() const { return prefix() + "k/"; }
  /// Prefix of the continuations of entries that exceed the size of a value in etcd.
  [[nodiscard]] std::string rests() const { return prefix() + "x/"; }
  /// The changes of the latest commit that had any which its entries do not show.
  [[nodiscard]] std::string hidden_changes_key() const { return prefix() + "changes"; }
  /// Prefix of the pieces of a commit that exceeds the size of a transaction.
  [[nodiscard]] std::string pieces() const { return prefix() + "p/"; }
};

}  // namespace holdfast::server
