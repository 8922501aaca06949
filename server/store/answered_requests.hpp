#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/store/operation.hpp"

namespace holdfast::server {

/// What came of the requests that had an Idempotency-Key, by that key. Bounded in number, bytes and age; the oldest
/// are forgotten first. Plain and synchronous, part of the database.
class answered_requests {
 public:
  using clock = std::chrono::steady_clock;

  static constexpr std::size_t requests_max = 100'000;
  static constexpr std::uint64_t bytes_max = 16 * 1024 * 1024;
  static constexpr std::chrono::hours kept_for{24};

  /// What the request with this key came to; null where there was none.
  [[nodiscard]] earlier_outcome_pointer find(std::string_view key, clock::time_point now);

  /// Remembers a request, of which find() knows nothing. Strong guarantee.
  void add(std::string const& key, earlier_outcome_pointer outcome, clock::time_point now);

  [[nodiscard]] std::size_t size() const noexcept { return in_order_.size(); }

 private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  struct request {
    std::string key;
    clock::time_point at;
    std::uint64_t bytes;
  };

  void forget_first() noexcept;

  std::unordered_map<std::string, earlier_outcome_pointer, text_hash, std::equal_to<>> by_key_;
  std::deque<request> in_order_;
  std::uint64_t bytes_ = 0;
};

/// What an outcome keeps in memory, about.
[[nodiscard]] std::uint64_t bytes_of(data_outcome const& outcome) noexcept;

}  // namespace holdfast::server
