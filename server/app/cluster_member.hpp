#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api/cluster_view.hpp"
#include "server/app/server.hpp"
#include "server/app/settings.hpp"
#include "server/cluster/candidacy.hpp"
#include "server/cluster/copy_keeper.hpp"
#include "server/cluster/etcd_journal.hpp"
#include "server/cluster/etcd_upkeep.hpp"
#include "server/cluster/notice.hpp"
#include "server/forward/cluster_secret.hpp"
#include "server/forward/leader_directory.hpp"
#include "server/forward/leader_trust.hpp"
#include "server/forward/upstream_pool.hpp"
#include "server/net/tls_certificates.hpp"
#include "server/net/unique_socket.hpp"

namespace holdfast::server {

/// One server of a cluster. It takes part in the election and always serves on the same port: as a standby, which keeps
/// a warm copy of the data, or as the leader, which has the database. Each phase has its own server object. The
/// connections of a standby go on in the next phase, except those with TLS; those of a leader end with it.
class cluster_member final : private cluster_view {
 public:
  /// Reads the certificates, binds and listens. @throws tls::error; boost::system::system_error if the address is not
  /// available.
  explicit cluster_member(settings given);
  ~cluster_member();
  cluster_member(cluster_member const&) = delete;
  cluster_member& operator=(cluster_member const&) = delete;

  /// Serves until SIGTERM or SIGINT, then resigns. Call once. @throws journal_error if the data cannot be read.
  void run();

 private:
  [[nodiscard]] cluster_report report() const override;
  [[nodiscard]] bool is_cut_off() const noexcept override;
  [[nodiscard]] bool reads_by_lease() const noexcept override { return settings_.cluster.reads == read_rule::lease; }

  void stand();
  bool stand_by();
  bool lead();
  void follow_election(server& standby);
  struct other_leader {
    std::string url{};  ///< empty: none
    std::int64_t term = 0;
  };
  [[nodiscard]] other_leader leader_of(candidacy::standing const& now) const;
  void prepare(leadership place);
  [[nodiscard]] cluster_part part(bool is_standby);
  void on_change();
  void on_notice(notice const& news, std::string_view thread);
  void abandon(std::string const& reason);
  void stop_accepting();

  settings const settings_;
  std::shared_ptr<tls_certificates> const certificates_;  // null without TLS
  leader_trust trust_;
  cluster_secret secret_;
  leader_directory leaders_;
  forward_figures forward_counts_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  unique_socket listening_;       // guarded by mutex_
  std::uint64_t changes_ = 0;     // of the candidacy; guarded by mutex_
  bool phase_has_ended_ = false;  // guarded by mutex_
  server* leader_ = nullptr;      // while it runs; guarded by mutex_
  std::int64_t term_ = 0;         // of this server's latest leadership; guarded by mutex_
  bool is_lost_ = false;          // that leadership, as etcd says; guarded by mutex_

  // Changed by run() between phases, and by the election thread of a standby, which nobody else accesses meanwhile.
  std::optional<candidacy> candidacy_;
  std::unique_ptr<copy_keeper> copy_;                          // during a standby phase
  std::unique_ptr<server> next_;                               // ready to lead
  etcd_journal* journal_ = nullptr;                            // the journal of `next_` and then `leader_`
  std::unique_ptr<etcd_upkeep> upkeep_;                        // of that journal's etcd
  std::atomic<etcd_upkeep const*> upkeep_of_leader_{nullptr};  // set while `leader_` runs
  std::vector<unique_socket> connections_;                     // of the phase before
  std::exception_ptr failure_;                                 // ends the process
};

}  // namespace holdfast::server
