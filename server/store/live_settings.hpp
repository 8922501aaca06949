#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

namespace holdfast::server {

using std::chrono::nanoseconds;

/// The settings that can change at runtime. Any thread.
class live_settings {
 public:
  live_settings(bool is_live, nanoseconds read_hold, nanoseconds writer_period) noexcept
      : is_live_(is_live), read_hold_(read_hold), writer_period_(writer_period) {}

  /// Whether clients may change them.
  [[nodiscard]] bool is_live() const noexcept { return is_live_; }

  /// Default hold of GET and HEAD.
  [[nodiscard]] nanoseconds read_hold() const noexcept { return read_hold_.load(std::memory_order_relaxed); }
  /// 0: no writer.
  [[nodiscard]] nanoseconds writer_period() const noexcept { return writer_period_.load(std::memory_order_relaxed); }

  /// Incremented by every change, so that a cached copy can be checked.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }

  /// Applies changes together: readers that check version() see all of them.
  void change(std::optional<nanoseconds> read_hold, std::optional<nanoseconds> writer_period);

  /// Called after each change, on the thread that made it, until the server ends.
  void on_change(std::function<void()> what) { on_change_ = std::move(what); }

 private:
  bool const is_live_;
  std::atomic<nanoseconds> read_hold_;
  std::atomic<nanoseconds> writer_period_;
  std::atomic<std::uint64_t> version_{1};
  std::mutex changing_;
  std::function<void()> on_change_;
};

}  // namespace holdfast::server
