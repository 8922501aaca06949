#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "server/loop/loop_operation.hpp"

namespace holdfast::server {

/// A lock-free queue of operations from any thread to the thread that runs a loop. One atomic word holds both the
/// newest operation and whether the consumer sleeps, so no wake-up is lost.
class operation_inbox {
 public:
  /// Thread-safe. @return true if the consumer sleeps and this producer must wake it.
  [[nodiscard]] bool push(loop_operation& one) noexcept {
    auto* seen = newest_.load(std::memory_order_relaxed);
    do {
      one.next_ = seen == asleep() ? nullptr : seen;
      // The consumer sees what the producer wrote; the producer that wakes it sees what it wrote before the sleep.
    } while (!newest_.compare_exchange_weak(seen, &one, std::memory_order_acq_rel, std::memory_order_relaxed));
    return seen == asleep();
  }

  // For the consumer only.

  /// From now on the first producer must wake the consumer, until take_all() ends the sleep.
  /// @return false if operations have arrived already; the sleep has not begun then.
  [[nodiscard]] bool begin_sleep() noexcept {
    loop_operation* nothing = nullptr;
    return newest_.compare_exchange_strong(nothing, asleep(), std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  /// Appends all received operations to `to`, oldest first.
  void take_all(operation_queue& to) noexcept {
    if (newest_.load(std::memory_order_relaxed) == nullptr) return;
    auto* newest = newest_.exchange(nullptr, std::memory_order_acquire);
    if (newest == asleep()) return;
    loop_operation* oldest = nullptr;
    while (newest != nullptr) {
      auto* const older = std::exchange(newest->next_, oldest);
      oldest = std::exchange(newest, older);
    }
    while (oldest != nullptr) to.push(*std::exchange(oldest, oldest->next_));
  }

 private:
  static loop_operation* asleep() noexcept { return reinterpret_cast<loop_operation*>(std::uintptr_t{1}); }

  std::atomic<loop_operation*> newest_{nullptr};
};

}  // namespace holdfast::server
