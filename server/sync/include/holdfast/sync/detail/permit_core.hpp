// SPDX-License-Identifier: MIT
#pragma once
#include <cstdint>
#include <holdfast/sync/detail/lock_core.hpp>

namespace holdfast::sync::detail {

/// Permits and a queue of waiters for them, without Asio and coroutines. The core of semaphore and event, and of
/// condition_variable, which never has permits. As in lock_core, one word holds the state and the internal lock.
///
/// There are no waiters while there are permits, and a permit that is released while there are waiters goes to the
/// oldest one. So order is FIFO, without barging.
template <class Machine = std_atomics>
class permit_core {
 public:
  using node = queue_node<Machine>;

  explicit permit_core(std::uint64_t permits = 0) : word_(permits * permit) {}

  static constexpr std::uint64_t permits_max = (std::uint64_t(1) << 62) - 1;

  /// Takes a permit, or, if not `takes`, only checks that there is one.
  bool try_acquire(bool takes = true) {
    typename Machine::backoff backoff;
    // Acquire: the one that finds a permit sees what was done before its release.
    std::uint64_t seen = word_.load(std::memory_order_acquire);
    for (;;) {
      if (seen >= permit && !takes) return true;
      if (!(seen & at_queue)) {
        if (seen < permit) return false;
        if (word_.compare_exchange_strong(seen, seen - permit, std::memory_order_acquire, std::memory_order_relaxed)) {
          return true;
        }
      }
      backoff();
      seen = word_.load(std::memory_order_acquire);
    }
  }

  /// True: as try_acquire(). False: the node was queued.
  bool acquire_or_enqueue(node& n, bool takes = true) {
    for (;;) {
      if (try_acquire(takes)) return true;
      std::uint64_t seen = enter_queue();
      if (seen < permit) {
        queue_.push_back(n);
        leave_queue(seen | waited_for);
        return false;
      }
      leave_queue(seen);
    }
  }

  /// Releases `count` permits. `grant(node)` is called under the internal lock, in order, for each waiter that gets
  /// one. Remaining permits are kept if `keeps`. False: there would be too many; none is released.
  template <class Grant>
  bool release(std::uint64_t count, bool keeps, Grant&& grant) {
    std::uint64_t seen = enter_queue();
    // Waiters can only reduce the number, so it is enough to check it here.
    if (keeps && count > permits_max - seen / permit) {
      leave_queue(seen);
      return false;
    }
    for (; count != 0 && !queue_.empty(); --count) let_in(grant);
    leave_queue((seen & ~waited_for) + (keeps ? count * permit : 0) + (queue_.empty() ? 0 : waited_for));
    return true;
  }

  /// Grants all waiters, and, if `stays`, later ones too until close().
  template <class Grant>
  void open(bool stays, Grant&& grant) {
    enter_queue();
    while (!queue_.empty()) let_in(grant);
    leave_queue(stays ? permit : 0);
  }
  void close() {
    std::uint64_t const seen = enter_queue();
    leave_queue(seen & waited_for);
  }

  /// Removes the node if it is still queued.
  bool withdraw(node& n) {
    std::uint64_t const seen = enter_queue();
    bool const was_queued = n.queued;
    if (was_queued) queue_.remove(n);
    leave_queue((seen & ~waited_for) | (queue_.empty() ? 0 : waited_for));
    return was_queued;
  }

  /// See lock_core::withdraw_if().
  template <class Chosen, class Take>
  void withdraw_if(Chosen&& chosen, Take&& take) {
    std::uint64_t const seen = enter_queue();
    for (node* n = queue_.front(); n;) {
      node* const after = n->next;
      if (chosen(*n)) {
        queue_.remove(*n);
        take(*n);
      }
      n = after;
    }
    leave_queue((seen & ~waited_for) | (queue_.empty() ? 0 : waited_for));
  }

  /// A snapshot; may be outdated when it returns.
  std::uint64_t permits() const { return word_.load(std::memory_order_acquire) / permit; }

 private:
  static constexpr std::uint64_t at_queue = 1;
  static constexpr std::uint64_t waited_for = 2;
  static constexpr std::uint64_t permit = 4;  // the upper bits count them

  /// Returns the word without the internal lock, which no other thread changes now.
  std::uint64_t enter_queue() {
    typename Machine::backoff backoff;
    for (;;) {
      std::uint64_t seen = word_.load(std::memory_order_relaxed);
      if (!(seen & at_queue) &&
          word_.compare_exchange_strong(seen, seen | at_queue, std::memory_order_acquire, std::memory_order_relaxed)) {
        return seen;
      }
      backoff();
    }
  }
  void leave_queue(std::uint64_t word) { word_.store(word, std::memory_order_release); }

  template <class Grant>
  void let_in(Grant&& grant) {
    node* const oldest = queue_.front();
    queue_.remove(*oldest);
    grant(*oldest);
  }

  typename Machine::template atomic<std::uint64_t> word_;
  node_queue<Machine> queue_;
};

}  // namespace holdfast::sync::detail
