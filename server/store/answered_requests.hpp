#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "server/store/operation.hpp"

namespace holdfast::server {

/// Outcomes of requests with an Idempotency-Key, by key. Bounded in number, bytes and age; the oldest are forgotten
/// first.
/// Plain and synchronous, part of the database.
class answered_requests {
 public:
  using clock = std::chrono::steady_clock;

  static constexpr std::size_t requests_max = 100'000;
  static constexpr std::uint64_t bytes_max = 16 * 1024 * 1024;
  static constexpr std::chrono::hours kept_for{24};

  /// The outcome of the request with this key; null if there was none, or too long ago.
  [[nodiscard]] earlier_outcome_pointer find(std::string_view key, clock::time_point now) const;

  /// The version of this key's record, see change::version(); 0 if there is none.
  [[nodiscard]] std::uint64_t version_of(std::string_view key) const;

  // To remember a request, call make_place(), then add(), which can't fail, or give_back_place().

  /// Strong guarantee.
  void make_place(std::string const& key);
  void give_back_place() noexcept;
  /// Replaces the earlier outcome of make_place()'s key. @param version of the request's record.
  void add(earlier_outcome_pointer outcome, clock::time_point now, std::uint64_t version) noexcept;

  struct request {
    std::string key;
    clock::time_point at;
    std::uint64_t bytes = 0;
    std::uint64_t version = 0;
  };
  /// Number of the oldest requests that are too old or too many, limited to `most`, or to those that have `adding`
  /// bytes together: what is added must not grow faster than others are forgotten.
  [[nodiscard]] std::size_t due(clock::time_point now, std::size_t most, std::uint64_t adding) const noexcept;
  /// Includes requests that were replaced by another with the same key. @param index 0: the oldest.
  [[nodiscard]] request const& oldest(std::size_t index) const noexcept { return in_order_[index]; }
  /// Forgets the oldest request.
  void forget_first() noexcept;

  /// Sorts the loaded requests by version, which is their order in time.
  void sort();

  [[nodiscard]] std::size_t size() const noexcept { return in_order_.size(); }
  /// Approximate memory.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  struct known {
    earlier_outcome_pointer outcome;
    clock::time_point at;
    std::uint64_t version = 0;  // 0: a reserved place
  };
  using map = std::map<std::string, known, std::less<>>;  // ordered: no client can choose keys that collide

  map by_key_;
  map::iterator place_;  // between make_place() and add()
  std::deque<request> in_order_;
  std::uint64_t bytes_ = 0;
};

/// Approximate memory of an outcome that can be remembered.
[[nodiscard]] std::uint64_t bytes_of(data_outcome const& outcome) noexcept;

}  // namespace holdfast::server
