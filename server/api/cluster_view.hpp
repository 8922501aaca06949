#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::server {

/// What a server that is one of a cluster reports of itself.
struct cluster_report {
  std::string name;      ///< of the cluster
  bool leads = false;    ///< otherwise it is a standby
  std::string leader{};  ///< the leader's URL; empty: none is known
  /// Of a standby: etcd does not answer it. So it does not know who leads.
  bool is_cut_off = false;
  /// Of the leader: grows with each change of it. 0: none is known.
  std::int64_t term = 0;
  std::uint64_t revision = 0;  ///< up to which this server has the data
  /// Of a standby: from the leader's commit of the latest change to its arrival here, by the two machines' clocks.
  std::optional<std::chrono::nanoseconds> lag{};
  /// Of a leader: how long etcd took to confirm that it leads.
  std::optional<std::chrono::nanoseconds> etcd_latency{};
  /// Requests that this server has forwarded, refused for want of a leader, and forwarded without getting an answer.
  std::uint64_t forwarded = 0, forwarded_in_vain = 0, forwarded_unanswered = 0;
};

/// A server's place in its cluster, as its resources see it. Any thread.
class cluster_view {
 public:
  [[nodiscard]] virtual cluster_report report() const = 0;

  /// Of a leader: whether etcd has not answered for so long that requests should not begin to wait for it. They would
  /// be answered late, or never. Cheap.
  [[nodiscard]] virtual bool is_cut_off() const noexcept = 0;
  /// Whether reads are answered without etcd.
  [[nodiscard]] virtual bool reads_by_lease() const noexcept = 0;

 protected:
  ~cluster_view() = default;
};

/// Its members as JSON, without braces, beginning with `"role"`.
[[nodiscard]] std::string members_of(cluster_report const& report);

}  // namespace holdfast::server
