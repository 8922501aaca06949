#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/etcd_client.hpp"
#include "server/cluster/notice.hpp"
#include "server/cluster/warm_copy.hpp"

namespace holdfast::server {

/// Keeps a warm copy of a cluster's keys up to date during its lifetime, on its own thread. Any thread may call any
/// function.
class copy_keeper {
 public:
  /// @param on_load called on this object's thread after all keys were read: at the beginning, when etcd has compacted
  /// what the copy still needed, and when etcd was restored. Gets the database's revision; changes before it are
  /// unknown. May be empty, as on_notice.
  explicit copy_keeper(cluster_settings const& settings, std::function<void(std::uint64_t)> on_load = {},
                       notice_sink on_notice = {});
  ~copy_keeper() { end(); }
  copy_keeper(copy_keeper const&) = delete;
  copy_keeper& operator=(copy_keeper const&) = delete;

  struct standing {
    bool is_following = false;  ///< false while the copy is being loaded, etcd is unreachable, or its data are unusable
    std::uint64_t revision = 0;  ///< the database's revision that the copy has reached
    /// Time from the leader's latest commit to its arrival here, by both machines' clocks, 0 if they contradict it;
    /// empty: no commit so far.
    std::optional<std::chrono::nanoseconds> lag{};
  };
  [[nodiscard]] standing now() const;

  /// Ends the thread. @return the copy as the thread left it.
  [[nodiscard]] warm_copy take();

 private:
  void run();
  void follow();
  void note(bool is_following, bool has_news);
  void report_fault();
  void discard(std::string const& reason);
  void end();

  cluster_settings const settings_;
  std::function<void(std::uint64_t)> const on_load_;
  notice_sink const on_notice_;
  etcd_contact contact_;
  cancel_signal cancel_;
  etcd_client etcd_;
  warm_copy copy_;  // used by the thread, and by take() after it has ended
  mutable std::mutex mutex_;
  standing standing_;   // guarded by mutex_
  std::thread thread_;  // last: uses all other members
};

}  // namespace holdfast::server
