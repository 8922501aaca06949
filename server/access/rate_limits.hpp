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

/// What one client may use, each second. 0: as much as it likes.
struct rate_settings {
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;                ///< of bodies and answers together
  std::chrono::nanoseconds lock_time{0};  ///< that its operations and holds keep the lock

  [[nodiscard]] bool is_limited() const noexcept { return requests != 0 || bytes != 0 || lock_time.count() != 0; }
};

/// Counts what clients use and says when one has used its share. For each client and each rate there is a bucket that
/// holds what may be used within a second, as the generic cell rate algorithm (ITU-T I.371) does it with one instant.
/// What is known beforehand (a request) is refused when the bucket is empty; what is known afterwards (bytes, time with
/// the lock) is taken also then, and the debt is worked off before the next request. Any thread.
class rate_limits {
 public:
  using clock = std::chrono::steady_clock;
  /// So many clients are remembered; beyond that, those that asked for nothing for longest are forgotten.
  static constexpr std::size_t clients_max = 65'536;

  explicit rate_limits(rate_settings const& settings) noexcept : settings_(settings) {}

  /// Takes a request. @return zero; or after how long the client should try again, and then nothing was taken.
  [[nodiscard]] std::chrono::nanoseconds admit(client_id const& client, clock::time_point now);

  /// Takes what a request has used.
  void charge(client_id const& client, std::uint64_t bytes, std::chrono::nanoseconds lock_time, clock::time_point now);

  /// How many clients are remembered.
  [[nodiscard]] std::size_t clients() const;

 private:
  struct account {
    client_id client;
    // When each bucket will be full again.
    clock::time_point requests_full{}, bytes_full{}, lock_full{};
  };
  using accounts = std::list<account>;

  // Shards, so that threads seldom meet.
  struct shard {
    std::mutex mutable mutex;
    accounts by_use;  // the latest first
    std::unordered_map<client_id, accounts::iterator> by_client;
  };

  shard& shard_of(client_id const& client) noexcept { return shards_[std::hash<client_id>()(client) % shards_.size()]; }
  static account& account_of(shard& in, client_id const& client);

  rate_settings const settings_;
  std::array<shard, 16> shards_;
};

/// Counts what each client has at once, such as connections. Any thread.
class per_client_count {
 public:
  explicit per_client_count(std::size_t most) noexcept : most_(most) {}

  [[nodiscard]] bool is_limited() const noexcept { return most_ != 0; }
  /// @return false where the client has as many as it may have.
  [[nodiscard]] bool add(client_id const& client);
  /// One fewer.
  void remove(client_id const& client) noexcept;

 private:
  std::size_t const most_;
  std::mutex mutex_;
  std::unordered_map<client_id, std::size_t> counts_;
};

}  // namespace holdfast::server
