#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/etcd_client.hpp"
#include "server/cluster/leadership.hpp"

namespace holdfast::server {

/// Stands for the leadership of a cluster, as long as it lives: each server has a key in etcd that ends with a lease,
/// and the oldest key leads (as etcd's own client/v3/concurrency/election.go does). A thread of its own keeps the lease
/// alive. Any thread may call any function.
class candidacy {
 public:
  using clock = etcd_client::clock;

  struct standing {
    bool leads = false;
    std::string key;               ///< of this candidate; empty: none yet, or its lease has ended
    std::int64_t term = 0;         ///< create revision of that key
    std::string leader_url;        ///< of whoever leads; empty: nobody, as far as is known here
    std::int64_t leader_term = 0;  ///< create revision of its key

    bool operator==(standing const&) const = default;
  };

  /// @param on_change called by its thread when the standing has changed; must be brief and not throw.
  candidacy(cluster_settings const& settings, std::function<void()> on_change);
  /// As resign().
  ~candidacy();
  candidacy(candidacy const&) = delete;
  candidacy& operator=(candidacy const&) = delete;

  [[nodiscard]] standing now() const;

  /// Where it leads: its place. That ends when its lease ends by this machine's clock, even if now() does not say so
  /// yet, and never comes back; a later place is another one.
  [[nodiscard]] std::optional<leadership> place() const;
  /// Until when the present place lasts.
  [[nodiscard]] clock::time_point valid_until() const noexcept;

  /// Gives up its place, so that the next one leads at once, and ends. Blocks for a second at most.
  void resign();

 private:
  using instant = std::atomic<clock::rep>;

  void run();
  void stand();
  void look();
  void tell(standing next);

  cluster_settings const settings_;
  std::function<void()> const on_change_;
  cancel_signal cancel_;
  etcd_client etcd_;
  std::shared_ptr<instant> valid_until_ = std::make_shared<instant>(0);  // of each lease another; see mutex_
  mutable std::mutex mutex_;  // guards the pointer too, which the thread alone changes
  standing standing_;         // guarded by mutex_
  std::int64_t lease_ = 0;    // the thread's, and resign()'s when that has ended
  std::thread thread_;        // last: it uses all the others
};

}  // namespace holdfast::server
