#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/etcd_client.hpp"
#include "server/cluster/leadership.hpp"
#include "server/cluster/notice.hpp"

namespace holdfast::server {

/// Takes part in the election of a cluster's leader during its lifetime. Each server has a key in etcd with a lease,
/// and the oldest key leads (the algorithm of etcd's client/v3/concurrency/election.go). Runs a thread that keeps the
/// lease alive. Any thread may call any function.
class candidacy {
 public:
  using clock = etcd_client::clock;

  /// Who leads, as far as this server knows.
  struct standing {
    bool leads = false;
    std::string key;               ///< this candidate's key; empty: none yet, or its lease has expired
    std::int64_t term = 0;         ///< the create revision of `key`
    std::string leader_url;        ///< the leader's URL; empty: no leader is known
    std::int64_t leader_term = 0;  ///< the create revision of the leader's key

    bool operator==(standing const&) const = default;
  };

  /// @param new_secret see secret().
  /// @param on_change called on the thread of this object after each change of now(); must be brief and not throw.
  /// @param on_notice may be empty.
  candidacy(cluster_settings const& settings, std::string new_secret, std::function<void()> on_change,
            notice_sink on_notice = {});
  /// Calls resign().
  ~candidacy();
  candidacy(candidacy const&) = delete;
  candidacy& operator=(candidacy const&) = delete;

  [[nodiscard]] standing now() const;

  /// The secret that the servers of the cluster share. It is in etcd; the first candidate stores its `new_secret`.
  /// Empty until now() has a key for the first time.
  [[nodiscard]] std::string secret() const;

  /// This server's leadership, if it leads. It ends for good when the lease expires by this machine's clock, even if
  /// now() does not show it yet; if this server leads again later, that is another leadership.
  [[nodiscard]] std::optional<leadership> place() const;
  /// The time at which the current leadership ends unless its lease is renewed.
  [[nodiscard]] clock::time_point valid_until() const noexcept;

  /// Stops, and revokes the lease, so that the next candidate leads at once. Blocks for up to a second.
  void resign();

 private:
  using instant = std::atomic<clock::rep>;

  void run();
  [[nodiscard]] std::string stand();
  void agree_on_secret();
  [[nodiscard]] bool look();
  void look_for_own_url(etcd_page const& page, etcd_entry const& mine);
  void tell(standing next);

  cluster_settings const settings_;
  std::string const new_secret_;
  std::function<void()> const on_change_;
  notice_sink const on_notice_;
  cancel_signal cancel_;
  etcd_client etcd_;
  // Used by the thread:
  etcd_contact contact_;
  std::map<std::string, clock::time_point> same_url_since_;  // candidates with this server's URL; max(): reported
  std::shared_ptr<instant> valid_until_ = std::make_shared<instant>(0);  // a new one for each lease; see mutex_
  mutable std::mutex mutex_;  // also guards the pointer; only the thread changes it
  standing standing_;         // guarded by mutex_
  std::string secret_;        // guarded by mutex_
  std::int64_t lease_ = 0;    // used by the thread, and by resign() after it has ended
  std::thread thread_;        // last: uses all other members
};

}  // namespace holdfast::server
