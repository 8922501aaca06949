#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "server/forward/leader_directory.hpp"
#include "server/forward/read_channel.hpp"
#include "server/forward/upstream.hpp"
#include "server/loop/asio.hpp"

namespace holdfast::server {

struct forward_settings {
  std::string advertise{};  ///< this server's URL, for Holdfast-Forwarded-By
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(2);
  /// How long a connection to the leader is kept unused. Shorter than the time after which the leader closes it.
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(20);
  std::chrono::nanoseconds transfer_timeout = std::chrono::seconds(10);  ///< as for clients
  /// A plain read does not wait behind another one that takes longer than this: that waits for a lock that is held.
  std::chrono::nanoseconds read_patience = std::chrono::milliseconds(2);
};

/// Counts of all threads.
struct forward_figures {
  std::atomic<std::uint64_t> forwarded{0};    ///< requests that the leader has answered
  std::atomic<std::uint64_t> no_leader{0};    ///< requests that were refused because nothing could be sent
  std::atomic<std::uint64_t> unanswered{0};   ///< requests whose outcome is unknown
  std::atomic<std::uint64_t> connections{0};  ///< opened to leaders
};

/// The connections of one thread to the leader. An unused one is kept for the next request. When the leader changes,
/// all connections to the earlier one are closed. For the loop's thread.
class upstream_pool {
 public:
  /// All must outlive it.
  upstream_pool(event_loop& loop, leader_directory& leaders, forward_settings const& settings,
                forward_figures& figures);
  ~upstream_pool();
  upstream_pool(upstream_pool const&) = delete;
  upstream_pool& operator=(upstream_pool const&) = delete;

  /// Destroys the coroutines that wait for the leader. Call it when the loop no longer runs, before
  /// event_loop::shut_down(); destroy the pool after that.
  void forget_waiting() noexcept;

  // --- for the forwarder ---

  /// A connection in use. The destructor closes it.
  using lease = std::unique_ptr<upstream>;

  /// A kept connection to the present leader; none if there is none.
  [[nodiscard]] lease take_kept() noexcept;

  /// A new connection to the present leader. @return none if the leader is unknown or cannot be reached
  awaitable<lease> connect();

  /// Keeps the connection for another request, if it is to the present leader.
  void give_back(lease one) noexcept;

  /// For plain reads.
  [[nodiscard]] read_channel& reads() noexcept { return reads_; }

  [[nodiscard]] leader_directory const& leaders() const noexcept { return leaders_; }
  [[nodiscard]] forward_settings const& settings() const noexcept { return settings_; }
  [[nodiscard]] forward_figures& figures() noexcept { return figures_; }

 private:
  using upstreams = boost::intrusive::list<upstream, boost::intrusive::constant_time_size<false>>;

  void on_change();
  void drop_kept() noexcept { kept_.clear_and_dispose(std::default_delete<upstream>()); }

  event_loop& loop_;
  leader_directory& leaders_;
  forward_settings const& settings_;
  forward_figures& figures_;
  upstreams in_use_;
  upstreams kept_;  // owns them
  wake_up leader_changed_;
  read_channel reads_;
};

}  // namespace holdfast::server
