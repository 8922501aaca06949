#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace holdfast::server {

/// A number that one thread changes and any thread may read. As cheap as a plain one.
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

/// How often durations fell between bounds, and their sum to the nanosecond. One thread adds, any may read; a reader
/// may see a duration in the sum that it does not see in its bucket yet.
/// @tparam bounds_ns ascending; a duration belongs to the first bound that is not below it, or to the bucket beyond.
template <auto const& bounds_ns>
class histogram {
 public:
  static constexpr std::size_t buckets = std::tuple_size_v<std::remove_cvref_t<decltype(bounds_ns)>> + 1;

  void add(std::int64_t duration_ns) noexcept {
    counts_[bucket_of(duration_ns)].add();
    sum_ns_.add(static_cast<std::uint64_t>(duration_ns));
  }

  /// Not cumulative.
  [[nodiscard]] std::uint64_t count(std::size_t bucket) const noexcept { return counts_[bucket].value(); }
  [[nodiscard]] std::uint64_t sum_ns() const noexcept { return sum_ns_.value(); }

  /// The bucket of a duration: two comparisons or three, from where its number of binary digits says to begin.
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

/// Of waits for the lock and holds of it: 1 µs to 10 s.
inline constexpr std::array<std::int64_t, 22> lock_bounds_ns{
    1'000,       2'500,       5'000,         10'000,        25'000,        50'000,        100'000,    250'000,
    500'000,     1'000'000,   2'500'000,     5'000'000,     10'000'000,    25'000'000,    50'000'000, 100'000'000,
    250'000'000, 500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};

using lock_histogram = histogram<lock_bounds_ns>;

}  // namespace holdfast::server
