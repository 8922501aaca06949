#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace holdfast::server {

/// Limits the memory used for one purpose and counts what is in use. Thread-safe.
class byte_budget {
 public:
  explicit byte_budget(std::uint64_t bytes_max) noexcept : bytes_max_(bytes_max) {}

  [[nodiscard]] std::uint64_t bytes_max() const noexcept { return bytes_max_; }
  [[nodiscard]] std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

  /// @return false if too little is left; nothing is taken then.
  [[nodiscard]] bool take(std::uint64_t bytes) noexcept {
    if (bytes > bytes_max_) return false;
    auto const before = used_.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes <= bytes_max_) return true;
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  void give_back(std::uint64_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  /// One user's part of the budget, given back by the destructor. Single-threaded.
  class share {
   public:
    explicit share(byte_budget& whole) noexcept : whole_(whole) {}
    ~share() { release(); }
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
      whole_.used_.fetch_add(bytes - bytes_, std::memory_order_relaxed);
      bytes_ = bytes;
    }
    void release() noexcept {
      if (bytes_ != 0) whole_.give_back(std::exchange(bytes_, 0));
    }

   private:
    byte_budget& whole_;
    std::uint64_t bytes_ = 0;
  };

 private:
  std::uint64_t const bytes_max_;
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace holdfast::server
