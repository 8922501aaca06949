#pragma once

#include <atomic>
#include <cstddef>

namespace holdfast::server {

/// Limits how many clients follow the lock at once: consumers of events and readers of traces together. Each uses
/// buffers and CPU time of its own. Thread-safe.
class consumer_limit {
 public:
  explicit consumer_limit(std::size_t places) noexcept : places_(places) {}

  [[nodiscard]] std::size_t places() const noexcept { return places_; }
  [[nodiscard]] std::size_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }

 private:
  friend class consumer_place;

  std::size_t const places_;
  std::atomic<std::size_t> taken_{0};
};

/// Registers one consumer for the lifetime of this object, unless the limit is reached.
class consumer_place {
 public:
  /// @param limit must outlive this object.
  explicit consumer_place(consumer_limit& limit) noexcept : limit_(limit) {
    auto taken = limit_.taken();
    while (taken < limit_.places_ && !is_taken_)
      is_taken_ = limit_.taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed);
  }
  ~consumer_place() {
    if (is_taken_) limit_.taken_.fetch_sub(1, std::memory_order_relaxed);
  }
  consumer_place(consumer_place const&) = delete;
  consumer_place& operator=(consumer_place const&) = delete;

  [[nodiscard]] bool is_taken() const noexcept { return is_taken_; }

 private:
  consumer_limit& limit_;
  bool is_taken_ = false;
};

}  // namespace holdfast::server
