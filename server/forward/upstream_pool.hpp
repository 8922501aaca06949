#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "server/forward/leader_directory.hpp"
#include "server/loop/asio.hpp"
#include "server/net/connection.hpp"

namespace holdfast::server {

struct forward_settings {
  std::string advertise{};  ///< this server's URL, for Holdfast-Forwarded-By
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(2);
  /// How long a connection to the leader is kept unused. Shorter than the time after which the leader closes it.
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(20);
  std::chrono::nanoseconds transfer_timeout = std::chrono::seconds(10);  ///< as for clients
  std::size_t kept_max = 64;                                             ///< unused connections of one thread
};

/// Counts of all threads.
struct forward_figures {
  std::atomic<std::uint64_t> forwarded{0};   ///< requests that the leader has answered
  std::atomic<std::uint64_t> no_leader{0};   ///< requests that were refused because nothing could be sent
  std::atomic<std::uint64_t> unanswered{0};  ///< requests whose outcome is unknown
  std::atomic<std::uint64_t> connections{0};  ///< opened to leaders
};

/// One connection to the leader.
class upstream;

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

  /// Destroys coroutines that wait for the leader. Call when the loop no longer runs, before event_loop::shut_down();
  /// destroy the pool after it.
  void forget_waiting() noexcept;

  // --- for the forwarder ---

  /// A connection in use. The destructor closes it, unless it was given back.
  class lease {
   public:
    lease() = default;
    explicit lease(std::unique_ptr<upstream> one) noexcept;
    lease(lease&&) noexcept;
    lease& operator=(lease&&) noexcept;
    ~lease();

    [[nodiscard]] explicit operator bool() const noexcept { return one_ != nullptr; }
    [[nodiscard]] upstream& operator*() const noexcept { return *one_; }
    [[nodiscard]] upstream* operator->() const noexcept { return one_.get(); }

   private:
    friend class upstream_pool;
    std::unique_ptr<upstream> one_;
  };

  /// A kept connection to the present leader, or a new one. @return none if the leader is unknown or unreachable.
  awaitable<lease> borrow();

  /// Keeps the connection for another request.
  void give_back(lease one) noexcept;

  [[nodiscard]] leader_directory const& leaders() const noexcept { return leaders_; }
  [[nodiscard]] forward_settings const& settings() const noexcept { return settings_; }
  [[nodiscard]] forward_figures& figures() noexcept { return figures_; }

 private:
  friend class upstream;
  using upstreams = boost::intrusive::list<upstream, boost::intrusive::constant_time_size<false>>;

  awaitable<std::unique_ptr<upstream>> connect(std::shared_ptr<leader_address const> leader, std::uint64_t version);
  void on_change();
  void drop_kept() noexcept;

  event_loop& loop_;
  leader_directory& leaders_;
  forward_settings const& settings_;
  forward_figures& figures_;
  std::unique_ptr<upstreams> const in_use_, kept_;  // kept_ owns its members
  std::size_t kept_count_ = 0;
  wake_up leader_changed_;
};

}  // namespace holdfast::server
