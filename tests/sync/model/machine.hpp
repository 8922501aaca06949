#pragma once
// Relacy redefines `new` and names of the standard library: include everything else first.
#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <holdfast/sync/detail/lock_core.hpp>
#include <holdfast/sync/detail/permit_core.hpp>
#include <holdfast/sync/detail/shared_core.hpp>
#include <iostream>
#include <ostream>
#include <streambuf>
#include <string>
#include <type_traits>

namespace holdfast::sync::model {
inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acquire_release = std::memory_order_acq_rel;
}  // namespace holdfast::sync::model

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
#endif
#include <relacy/relacy.hpp>

/// The machine of the model: the lock's core runs on Relacy's atomics and watched variables, in every order of steps
/// and with every stale value that the C++ memory model allows (Relacy models release sequences and all orders but
/// consume; no out-of-thin-air values and no speculative stores).
///
/// A `Mutation` deliberately breaks the algorithm, to show that the checker detects it.
namespace holdfast::sync::model {

struct unbroken {
  static constexpr bool forgets_to_release_the_queue = false;   // leaving the internal lock: relaxed instead of release
  static constexpr bool forgets_to_acquire = false;             // every exchange: relaxed instead of acquire
  static constexpr bool forgets_to_acquire_by_looking = false;  // every load: relaxed instead of acquire
  static constexpr bool forgets_to_release = false;             // uncontended unlock: relaxed instead of release
  static constexpr bool unlocks_blindly = false;     // a plain store instead of an exchange: misses new waiters
  static constexpr bool forgets_to_pass_on = false;  // releasing with others queued or reading: relaxed instead of both
  static constexpr bool withdraws_blindly = false;   // does not check again that the waiter is still queued
};

inline rl::memory_order relacy_order(std::memory_order order) {
  return order == relaxed           ? rl::mo_relaxed
         : order == acquire         ? rl::mo_acquire
         : order == release         ? rl::mo_release
         : order == acquire_release ? rl::mo_acq_rel
                                    : rl::mo_seq_cst;
}

template <class Mutation>
struct machine {
  template <class T>
  class atomic {
   public:
    atomic(T value) : value_(value) {}
    T load(std::memory_order order) const {
      if (Mutation::forgets_to_acquire_by_looking) order = relaxed;
      return value_.load(relacy_order(order), $);
    }
    void store(T value, std::memory_order order) {
      if (Mutation::forgets_to_release_the_queue) order = relaxed;
      value_.store(value, relacy_order(order), $);
    }
    bool compare_exchange_strong(T& expected, T desired, std::memory_order success, std::memory_order failure) {
      if (success == acquire && Mutation::forgets_to_acquire) success = relaxed;
      if (success == release && Mutation::forgets_to_release) success = relaxed;
      if (success == acquire_release && Mutation::forgets_to_pass_on) success = relaxed;
      if (desired == 0 && Mutation::unlocks_blindly) {
        value_.store(desired, relacy_order(success), $);
        return true;
      }
      return value_.compare_exchange(rl::bool_t<false>(), expected, desired, relacy_order(success),
                                     relacy_order(failure), $);
    }

   private:
    rl::atomic<T> value_;
  };

  template <class T>
  class plain {
   public:
    plain(T value) : value_(value) {}
    plain& operator=(T value) {
      value_($).store(value);
      return *this;
    }
    plain& operator=(plain const& other) { return *this = static_cast<T>(other); }
    operator T() const {
      T const value = value_($).load();
      if constexpr (std::is_same_v<T, bool> && Mutation::withdraws_blindly) return true;
      return value;
    }
    T operator->() const { return *this; }

   private:
    rl::var<T> value_;
  };

  struct backoff {
    void operator()() { rl::yield(1, $); }
  };
  static void pause() { rl::yield(1, $); }
  static constexpr unsigned looks_max = 2;
};

/// A waiter without Asio: notifying it sets a flag, and waiting spins on the flag.
template <class Machine>
struct model_waiter : detail::queue_node<Machine> {
  rl::atomic<int> told{0};

  void grant() { told.store(1, rl::mo_release, $); }
  bool is_granted() { return told.load(rl::mo_acquire, $) == 1; }
  void wait() {
    while (!is_granted()) rl::yield(1, $);
  }
};

}  // namespace holdfast::sync::model
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
