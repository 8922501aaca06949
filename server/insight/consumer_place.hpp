#pragma once

#include <atomic>
#include <cstddef>

namespace holdfast::server {

/// How many clients may follow the lock at once: those of its events and those that read a trace, together. Each has
/// buffers of its own and is served again and again, so their number has a bound. Any thread.
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

/// One more consumer, for as long as this lives, unless there are enough already.
class consumer_place {
 public:
  /// @param limit must outlive it.
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
