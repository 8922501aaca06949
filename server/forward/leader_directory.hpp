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

/// The address of a leader.
struct leader_address {
  std::string url;   ///< as the leader advertises it
  std::string host;  ///< without the brackets of an IPv6 address
  bool is_tls = false;
  std::vector<boost::asio::ip::tcp::endpoint> addresses;  ///< in order of preference
};

/// The current leader, if it is another server. Written by the thread that follows the election, read by all threads.
/// Thread-safe.
class leader_directory {
 public:
  leader_directory() = default;
  leader_directory(leader_directory const&) = delete;
  leader_directory& operator=(leader_directory const&) = delete;

  void set_unknown();

  /// @param url http://HOST:PORT or https://HOST:PORT. Blocks while it looks up a host name: do not call it on the
  /// thread of an event loop. Calling it again with the same URL repeats the lookup and does not affect requests in
  /// progress.
  /// @return false if the URL is invalid or its host unknown; the leader is unknown then.
  bool set_elsewhere(std::string_view url);

  /// Whether no leader can be found because etcd does not answer.
  void set_cut_off(bool is_so) noexcept { is_cut_off_.store(is_so, std::memory_order_relaxed); }
  [[nodiscard]] bool is_cut_off() const noexcept { return is_cut_off_.load(std::memory_order_relaxed); }

  [[nodiscard]] bool is_known() const noexcept { return is_known_.load(std::memory_order_acquire); }

  /// Changes whenever the leader changes; cheap to read.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }

  struct view {
    std::shared_ptr<leader_address const> leader;  ///< null: unknown
    std::uint64_t version;
  };
  [[nodiscard]] view look() const;

  /// Rings `one` after each change of the leader, until it is removed.
  void add_listener(wake_up& one);
  void remove_listener(wake_up& one) noexcept;

 private:
  void set(std::shared_ptr<leader_address const> leader);

  std::atomic<bool> is_known_{false}, is_cut_off_{false};
  std::atomic<std::uint64_t> version_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<leader_address const> leader_;  // guarded by mutex_, like the listeners
  std::vector<wake_up*> listeners_;
};

}  // namespace holdfast::server
