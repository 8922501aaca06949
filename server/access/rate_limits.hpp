#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <unordered_map>

#include "server/access/client_id.hpp"

namespace holdfast::server {

/// What one client may use per second. 0: no limit.
struct rate_settings {
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;                ///< bodies and answers together
  std::chrono::nanoseconds lock_time{0};  ///< time for which its operations and holds keep the lock

  [[nodiscard]] bool is_limited() const noexcept { return requests != 0 || bytes != 0 || lock_time.count() != 0; }
};

/// Counts what clients use and refuses requests of a client that has used up its share. Each client has a bucket per
/// rate, which holds one second's worth; as in the generic cell rate algorithm (ITU-T I.371), one instant represents a
/// bucket. A request, known in advance, is refused if the bucket is empty. Bytes and lock time, known afterwards, are
/// always taken; the resulting debt delays the next request. Any thread.
class rate_limits {
 public:
  using clock = std::chrono::steady_clock;
  /// Number of clients remembered. Beyond it, the clients that have been idle longest are forgotten.
  static constexpr std::size_t clients_max = 65'536;

  explicit rate_limits(rate_settings const& settings) noexcept : settings_(settings) {}

  /// Takes a request. @return zero; otherwise the time after which to try again, and nothing was taken.
  [[nodiscard]] std::chrono::nanoseconds admit(client_id const& client, clock::time_point now);

  /// Takes the bytes and the lock time of a finished request.
  void charge(client_id const& client, std::uint64_t bytes, std::chrono::nanoseconds lock_time, clock::time_point now);

  /// Number of clients remembered.
  [[nodiscard]] std::size_t clients() const;

 private:
  struct account {
    client_id client;
    // The instants at which the buckets will be full again.
    clock::time_point requests_full{}, bytes_full{}, lock_full{};
  };
  using accounts = std::list<account>;

  // Shards, so that threads rarely contend.
  struct shard {
    std::mutex mutable mutex;
    accounts by_use;  // most recently used first
    std::unordered_map<client_id, accounts::iterator> by_client;
  };

  shard& shard_of(client_id const& client) noexcept { return shards_[std::hash<client_id>()(client) % shards_.size()]; }
  static account& account_of(shard& in, client_id const& client);

  rate_settings const settings_;
  std::array<shard, 16> shards_;
};

/// Counts concurrent uses of each client, such as connections. Any thread.
class per_client_count {
 public:
  explicit per_client_count(std::size_t most) noexcept : most_(most) {}

  [[nodiscard]] bool is_limited() const noexcept { return most_ != 0; }
  /// @return false if the client has reached the limit.
  [[nodiscard]] bool add(client_id const& client);
  /// Removes one.
  void remove(client_id const& client) noexcept;

 private:
  std::size_t const most_;
  std::mutex mutex_;
  std::unordered_map<client_id, std::size_t> counts_;
};

}  // namespace holdfast::server
