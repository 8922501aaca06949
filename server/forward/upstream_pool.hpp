#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/error.hpp"
#include "server/forward/cluster_secret.hpp"
#include "server/forward/leader_directory.hpp"
#include "server/forward/leader_trust.hpp"
#include "server/forward/read_channel.hpp"
#include "server/forward/upstream.hpp"
#include "server/loop/asio.hpp"

namespace holdfast::server {

struct forward_settings {
  std::string advertise{};                 ///< this server's URL, for Holdfast-Forwarded-By
  leader_trust* trust = nullptr;           ///< for leaders with https URLs, if there can be any; must outlive the pool
  cluster_secret const* secret = nullptr;  ///< for reporting each client's address to the leader; null: not reported
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(2);
  /// How long an idle connection to the leader is kept. Shorter than the leader's own idle time-out.
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(20);
  std::chrono::nanoseconds transfer_timeout = std::chrono::seconds(10);  ///< as for clients
  /// A plain read does not queue behind one that takes longer than this, which is probably waiting for the lock.
  std::chrono::nanoseconds read_patience = std::chrono::milliseconds(2);
};

/// Counters of all threads.
struct forward_figures {
  std::atomic<std::uint64_t> forwarded{0};    ///< requests answered by the leader
  std::atomic<std::uint64_t> no_leader{0};    ///< requests refused because nothing could be sent
  std::atomic<std::uint64_t> unanswered{0};   ///< requests with an unknown outcome
  std::atomic<std::uint64_t> connections{0};  ///< opened to leaders
};

/// Detail of errc::no_leader while no leader is known.
[[nodiscard]] constexpr std::string_view no_leader_known(bool is_cut_off) noexcept {
  return is_cut_off ? "etcd does not answer this server, so it knows no leader; nothing was changed. Retry, here or at "
                      "another server"
                    : "the cluster has no leader at the moment; nothing was changed. Retry";
}

/// One thread's connections to the leader. Idle ones are kept for later requests. When the leader changes, all
/// connections to the previous one are closed. For the loop's thread.
class upstream_pool {
 public:
  /// All arguments must outlive the pool.
  upstream_pool(event_loop& loop, leader_directory& leaders, forward_settings const& settings,
                forward_figures& figures);
  ~upstream_pool();
  upstream_pool(upstream_pool const&) = delete;
  upstream_pool& operator=(upstream_pool const&) = delete;

  /// Destroys the coroutines that wait for the leader. Call it after the loop has stopped and before
  /// event_loop::shut_down(); destroy the pool after that.
  void forget_waiting() noexcept;

  /// A connection in use. The destructor closes it.
  using lease = std::unique_ptr<upstream>;

  /// An idle connection to the current leader; null if there is none.
  [[nodiscard]] lease take_kept() noexcept;

  /// Opens a connection to the current leader. @return the reason if the leader is unknown, unreachable or not trusted.
  awaitable<protocol::result<lease>> connect();

  /// Keeps the connection for another request if it leads to the current leader.
  void give_back(lease one) noexcept;

  /// The shared connection for plain reads.
  [[nodiscard]] read_channel& reads() noexcept { return reads_; }

  [[nodiscard]] leader_directory const& leaders() const noexcept { return leaders_; }
  [[nodiscard]] forward_settings const& settings() const noexcept { return settings_; }
  [[nodiscard]] forward_figures& figures() noexcept { return figures_; }

 private:
  using upstreams = boost::intrusive::list<upstream, boost::intrusive::constant_time_size<false>>;

  void on_change();
  awaitable<bool> open(upstream& one, connection::clock::time_point due, std::string& why);
  void drop_kept() noexcept { kept_.clear_and_dispose(std::default_delete<upstream>()); }

  event_loop& loop_;
  leader_directory& leaders_;
  forward_settings const& settings_;
  forward_figures& figures_;
  upstreams in_use_;
  upstreams kept_;  // owns them
  wake_up leader_changed_;
  connection::clock::time_point next_warning_at_{};
  read_channel reads_;
};

}  // namespace holdfast::server
