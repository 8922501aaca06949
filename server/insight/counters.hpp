#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace holdfast::server {

/// A counter that one thread changes and any thread may read. It costs as little as a plain integer.
class counter {
 public:
  void add(std::uint64_t amount = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t amount = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A histogram of durations and their exact sum. One thread adds, any thread may read; a reader may see a duration in
/// the sum before it appears in its bucket.
/// @tparam bounds_ns inclusive upper bounds, ascending; longer durations go to an extra last bucket.
template <auto const& bounds_ns>
class histogram {
 public:
  static constexpr std::size_t buckets = std::tuple_size_v<std::remove_cvref_t<decltype(bounds_ns)>> + 1;

  void add(std::int64_t duration_ns) noexcept {
    counts_[bucket_of(duration_ns)].add();
    sum_ns_.add(static_cast<std::uint64_t>(duration_ns));
  }

  /// The count of one bucket, not cumulative.
  [[nodiscard]] std::uint64_t count(std::size_t bucket) const noexcept { return counts_[bucket].value(); }
  [[nodiscard]] std::uint64_t sum_ns() const noexcept { return sum_ns_.value(); }

  /// The bucket of a duration. Starts from the number of binary digits, so two or three comparisons are enough.
  [[nodiscard]] static std::size_t bucket_of(std::int64_t duration_ns) noexcept {
    auto bucket = std::size_t(first_buckets[std::bit_width(static_cast<std::uint64_t>(duration_ns))]);
    while (bucket < buckets - 1 && duration_ns > bounds_ns[bucket]) ++bucket;
    return bucket;
  }

 private:
  static constexpr auto first_buckets = [] {
    std::array<std::uint8_t, 65> first{};
    for (unsigned digits = 1; digits <= 64; ++digits) {
      auto const least = std::uint64_t(1) << (digits - 1);
      while (first[digits] < buckets - 1 && static_cast<std::uint64_t>(bounds_ns[first[digits]]) < least)
        ++first[digits];
    }
    return first;
  }();

  std::array<counter, buckets> counts_;
  counter sum_ns_;
};

/// Bucket bounds for waits and holds of the lock: 1 µs to 10 s.
inline constexpr std::array<std::int64_t, 22> lock_bounds_ns{
    1'000,       2'500,       5'000,         10'000,        25'000,        50'000,        100'000,    250'000,
    500'000,     1'000'000,   2'500'000,     5'000'000,     10'000'000,    25'000'000,    50'000'000, 100'000'000,
    250'000'000, 500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};

using lock_histogram = histogram<lock_bounds_ns>;

}  // namespace holdfast::server
