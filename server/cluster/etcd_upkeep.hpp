#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <thread>

#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/etcd_client.hpp"
#include "server/cluster/etcd_journal.hpp"
#include "server/cluster/leadership.hpp"

namespace holdfast::server {

/// What a leader does besides its commits, on a thread of its own, as long as it lives: asks etcd again and again
/// whether it still leads, so that an etcd that is silent is noticed; tells the journal how full etcd is; and compacts
/// etcd's history. Any thread may call any function.
class etcd_upkeep {
 public:
  using clock = etcd_client::clock;

  /// @param journal must outlive it.
  /// @param on_loss called once, by its thread, when another server leads; must be brief and not throw.
  etcd_upkeep(cluster_settings const& settings, leadership leads, etcd_journal& journal, std::function<void()> on_loss);
  ~etcd_upkeep();
  etcd_upkeep(etcd_upkeep const&) = delete;
  etcd_upkeep& operator=(etcd_upkeep const&) = delete;

  /// When etcd has answered last.
  [[nodiscard]] clock::time_point answered_at() const noexcept {
    return clock::time_point(clock::duration(answered_at_.load(std::memory_order_relaxed)));
  }
  /// How long its last answer took.
  [[nodiscard]] std::chrono::nanoseconds latency() const noexcept { return latency_.load(std::memory_order_relaxed); }

 private:
  void run();
  bool ask();
  void look_after(clock::time_point now);

  cluster_settings const settings_;
  leadership const leads_;
  etcd_journal& journal_;
  std::function<void()> const on_loss_;
  cancel_signal cancel_;
  etcd_client etcd_;
  std::atomic<clock::rep> answered_at_;
  std::atomic<std::chrono::nanoseconds> latency_{std::chrono::nanoseconds(0)};
  clock::time_point status_due_{}, compaction_due_;  // the thread's
  std::int64_t compact_to_ = 0;                      // the thread's: where the last period began
  // The thread's; all are of the journal but etcd's quota.
  std::uint64_t bytes_max_ = std::numeric_limits<std::uint64_t>::max(), written_at_status_ = 0,
                written_at_compaction_ = 0;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace holdfast::server
