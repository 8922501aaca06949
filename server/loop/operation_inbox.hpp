#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "server/loop/loop_operation.hpp"

namespace holdfast::server {

/// Operations from any thread to the one that runs a loop, without a lock. The word that holds the newest of them also
/// says whether that thread sleeps, so that a producer can't miss the sleeper, nor the sleeper the producer.
class operation_inbox {
 public:
  /// From any thread. @return whether the consumer sleeps, and this producer is the one to wake it.
  [[nodiscard]] bool push(loop_operation& one) noexcept {
    auto* seen = newest_.load(std::memory_order_relaxed);
    do {
      one.next_ = seen == asleep() ? nullptr : seen;
      // The consumer sees what the producer wrote, and who wakes it what it wrote before it went to sleep.
    } while (!newest_.compare_exchange_weak(seen, &one, std::memory_order_acq_rel, std::memory_order_relaxed));
    return seen == asleep();
  }

  // By the consumer alone.

  /// From now on, who pushes first must wake the consumer. @return false, and nothing has begun, where something
  /// has come already. take_all() ends the sleep.
  [[nodiscard]] bool begin_sleep() noexcept {
    loop_operation* nothing = nullptr;
    return newest_.compare_exchange_strong(nothing, asleep(), std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  /// Moves what has come behind what is in `to`, oldest first.
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
