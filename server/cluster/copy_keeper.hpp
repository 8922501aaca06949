#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/etcd_client.hpp"
#include "server/cluster/warm_copy.hpp"

namespace holdfast::server {

/// Keeps a warm copy of a cluster's keys up to date, on a thread of its own, as long as it lives. Any thread may call
/// any function.
class copy_keeper {
 public:
  explicit copy_keeper(cluster_settings const& settings);
  ~copy_keeper() { end(); }
  copy_keeper(copy_keeper const&) = delete;
  copy_keeper& operator=(copy_keeper const&) = delete;

  struct standing {
    bool is_following = false;   ///< false: it is still being loaded, or etcd can't be reached
    std::uint64_t revision = 0;  ///< of the database, up to which the copy goes
    /// From the leader's commit of the latest change to its arrival, by the two machines' clocks; empty: none has come.
    std::optional<std::chrono::nanoseconds> lag{};
  };
  [[nodiscard]] standing now() const;

  /// Ends the thread. @return the copy as it is then
  [[nodiscard]] warm_copy take();

 private:
  void run();
  void follow();
  void note(bool is_following, bool has_news);
  void end();

  cluster_settings const settings_;
  cancel_signal cancel_;
  etcd_client etcd_;
  warm_copy copy_;  // the thread's, and take()'s when that has ended
  mutable std::mutex mutex_;
  standing standing_;   // guarded by mutex_
  std::thread thread_;  // last: it uses all the others
};

}  // namespace holdfast::server
