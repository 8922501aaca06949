#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>

namespace holdfast::server {

/// Limits the memory used for one purpose and counts what is in use. Thread-safe.
class byte_budget {
 public:
  /// @param whole the budget of which this is a part: what is taken here is taken there too. It must outlive this.
  explicit byte_budget(std::uint64_t bytes_max, byte_budget* whole = nullptr) noexcept
      : bytes_max_(bytes_max), whole_(whole) {}

  [[nodiscard]] std::uint64_t bytes_max() const noexcept { return bytes_max_; }
  [[nodiscard]] std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

  /// @return the maximum in use since the last call.
  [[nodiscard]] std::uint64_t take_most() noexcept {
    auto const now = used();
    return std::max(now, most_.exchange(now, std::memory_order_relaxed));
  }

  /// @return false if too little is left; nothing is taken then.
  [[nodiscard]] bool take(std::uint64_t bytes) noexcept {
    if (bytes > bytes_max_) return false;
    if (whole_ != nullptr && !whole_->take(bytes)) return false;
    auto const before = used_.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes <= bytes_max_) {
      note(before + bytes);
      return true;
    }
    give_back(bytes);
    return false;
  }
  void give_back(std::uint64_t bytes) noexcept {
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    if (whole_ != nullptr) whole_->give_back(bytes);
  }

  /// One user's part of the budget, given back by the destructor. Single-threaded.
  class share {
   public:
    explicit share(byte_budget& whole) noexcept : whole_(whole) {}
    ~share() { release(); }
    [[nodiscard]] bool is_of(byte_budget const& whole) const noexcept { return &whole_ == &whole; }
    share(share const&) = delete;
    share& operator=(share const&) = delete;

    /// Raises the share to `bytes`; never lowers it. @return false if too little is left; nothing changes then.
    [[nodiscard]] bool grow_to(std::uint64_t bytes) noexcept {
      if (bytes <= bytes_) return true;
      if (!whole_.take(bytes - bytes_)) return false;
      bytes_ = bytes;
      return true;
    }
    /// Like grow_to(), for memory that is already allocated: it may exceed the budget, so later requests are refused.
    void raise_to(std::uint64_t bytes) noexcept {
      if (bytes <= bytes_) return;
      whole_.add(bytes - bytes_);
      bytes_ = bytes;
    }
    void lower_to(std::uint64_t bytes) noexcept {
      if (bytes < bytes_) whole_.give_back(std::exchange(bytes_, bytes) - bytes);
    }
    void release() noexcept {
      if (bytes_ != 0) whole_.give_back(std::exchange(bytes_, 0));
    }

   private:
    byte_budget& whole_;
    std::uint64_t bytes_ = 0;
  };

 private:
  void add(std::uint64_t bytes) noexcept {
    note(used_.fetch_add(bytes, std::memory_order_relaxed) + bytes);
    if (whole_ != nullptr) whole_->add(bytes);
  }
  void note(std::uint64_t now) noexcept {
    auto most = most_.load(std::memory_order_relaxed);
    while (most < now && !most_.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
    }
  }

  std::uint64_t const bytes_max_;
  byte_budget* const whole_;  // null: none
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> most_{0};  // since the last take_most()
};

}  // namespace holdfast::server
