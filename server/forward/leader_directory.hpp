#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/loop/wake_up.hpp"

namespace holdfast::server {

/// Where another server that leads can be reached.
struct leader_address {
  std::string url;                                        ///< as the leader advertises it
  std::string authority;                                  ///< HOST:PORT
  std::vector<boost::asio::ip::tcp::endpoint> addresses;  ///< of the host, the preferred one first
};

/// Which other server of a cluster leads, as far as this one knows. Written by the thread that follows the election,
/// read by all threads. Thread-safe.
class leader_directory {
 public:
  leader_directory() = default;
  leader_directory(leader_directory const&) = delete;
  leader_directory& operator=(leader_directory const&) = delete;

  void set_unknown();

  /// @param url http://HOST:PORT. A host name is looked up, which blocks: don't call it on the thread of an event loop.
  /// Call it again with the same URL to look the name up again; requests under way are not disturbed then.
  /// @return false if the URL cannot be used or the name is unknown; the leader is unknown then.
  bool set_elsewhere(std::string_view url);

  [[nodiscard]] bool is_known() const noexcept { return is_known_.load(std::memory_order_acquire); }

  /// Changes whenever the leader changes; cheap to read.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }

  struct view {
    std::shared_ptr<leader_address const> leader;  ///< null if it is unknown
    std::uint64_t version;
  };
  [[nodiscard]] view look() const;

  /// `one` is rung after each change of the leader, until it is removed.
  void add_listener(wake_up& one);
  void remove_listener(wake_up& one) noexcept;

 private:
  void set(std::shared_ptr<leader_address const> leader);

  std::atomic<bool> is_known_{false};
  std::atomic<std::uint64_t> version_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<leader_address const> leader_;  // guarded by mutex_, like the listeners
  std::vector<wake_up*> listeners_;
};

}  // namespace holdfast::server
