#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/etcd_client.hpp"
#include "server/cluster/etcd_journal.hpp"
#include "server/cluster/leadership.hpp"

namespace holdfast::server {

/// The background work of a leader, on its own thread: asks etcd periodically whether this server still leads, which
/// also detects a silent etcd; reports etcd's size to the journal; compacts etcd's history. Any thread may call any
/// function.
class etcd_upkeep {
 public:
  using clock = etcd_client::clock;

  /// @param journal must outlive this object.
  /// @param on_loss called once, on this object's thread, with the reason why this server does not lead any more:
  /// another server does, or etcd was restored and lacks commits. The thread ends with it. Must be brief and not throw.
  etcd_upkeep(cluster_settings const& settings, leadership leads, etcd_journal& journal,
              std::function<void(std::string const&)> on_loss);
  ~etcd_upkeep();
  etcd_upkeep(etcd_upkeep const&) = delete;
  etcd_upkeep& operator=(etcd_upkeep const&) = delete;

  /// The time of etcd's last answer that this server leads.
  [[nodiscard]] clock::time_point answered_at() const noexcept {
    return clock::time_point(clock::duration(answered_at_.load(std::memory_order_relaxed)));
  }
  /// The duration of the last call of etcd.
  [[nodiscard]] std::chrono::nanoseconds latency() const noexcept { return latency_.load(std::memory_order_relaxed); }

 private:
  void run();
  [[nodiscard]] std::string ask();
  [[nodiscard]] std::string why_lost(std::vector<etcd_check> const& demands, clock::time_point now);
  void look_after(clock::time_point now);

  cluster_settings const settings_;
  leadership const leads_;
  etcd_journal& journal_;
  std::function<void(std::string const&)> const on_loss_;
  cancel_signal cancel_;
  etcd_client etcd_;
  std::atomic<clock::rep> answered_at_;
  std::atomic<std::chrono::nanoseconds> latency_{std::chrono::nanoseconds(0)};
  clock::time_point status_due_{}, compaction_due_;  // used by the thread only, as all until thread_
  std::int64_t compact_to_ = 0;                      // etcd's revision at the start of the current period
  // etcd's quota, and the journal's committed bytes at the last status and compaction.
  std::uint64_t bytes_max_ = std::numeric_limits<std::uint64_t>::max(), written_at_status_ = 0,
                written_at_compaction_ = 0;
  std::thread thread_;  // last: uses all other members
};

}  // namespace holdfast::server
