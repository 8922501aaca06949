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
  /// Size of the log in etcd at which a checkpoint begins; less with a small quota. The log is about twice as large
  /// when the checkpoint ends.
  std::uint64_t log_bytes_max = 32 * 1024 * 1024;

  /// The prefix of all keys of the cluster; ends with a slash.
  [[nodiscard]] std::string prefix() const { return "/holdfast/" + name + '/'; }
  [[nodiscard]] std::string candidates() const { return prefix() + "leader/"; }
  [[nodiscard]] std::string secret_key() const { return prefix() + "secret"; }
  /// Prefix of the log's records.
  [[nodiscard]] std::string log() const { return prefix() + "log/"; }
  /// Of fixed width, so that the keys sort by number.
  [[nodiscard]] std::string log_key(std::uint64_t number) const {
    auto const digits = std::to_string(number);
    return log() + std::string(20 - digits.size(), '0') + digits;
  }
  /// Prefix of the entries, which are the checkpoint of the log.
  [[nodiscard]] std::string entries() const { return prefix() + "k/"; }
  /// Prefix of the continuations of entries that exceed the size of a value in etcd.
  [[nodiscard]] std::string rests() const { return prefix() + "x/"; }
};

}  // namespace holdfast::server
