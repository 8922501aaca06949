// SPDX-License-Identifier: MIT
#pragma once
#include <cassert>
#include <cstdint>
#include <holdfast/sync/detail/lock_core.hpp>

namespace holdfast::sync::detail {

/// The reader-writer lock without Asio and coroutines: like lock_core, but the word also counts readers.
///
/// One FIFO queue for both kinds: adjacent readers own together, and nobody overtakes a waiting writer. Whenever the
/// front of the queue may have changed (release, withdrawal), the waiters that can own now are removed: a writer if
/// there is no owner, or all readers up to the next writer if no writer owns. A new reader enters directly only if the
/// queue is empty.
///
/// `orphan()` is for the destructor of a lock that is owned: from then on nobody can acquire it, and the last release
/// reports that.
template <class Machine = std_atomics>
class shared_core {
 public:
  using node = queue_node<Machine>;

  bool try_acquire() {
    std::uint32_t expected = word_.load(std::memory_order_relaxed);
    return expected == free &&
           word_.compare_exchange_strong(expected, writer, std::memory_order_acquire, std::memory_order_relaxed);
  }

  bool try_acquire_shared() {
    typename Machine::backoff backoff;
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    while (!(seen & (writer | waited_for | at_queue | orphaned))) {
      if (word_.compare_exchange_strong(seen, seen + reader, std::memory_order_acquire, std::memory_order_relaxed)) {
        return true;
      }
      backoff();
    }
    return false;
  }

  /// True: the caller owns, in the node's mode. False: the node was queued.
  bool acquire_or_enqueue(node& n) {
    typename Machine::backoff backoff;
    for (;;) {
      if (n.shared ? try_acquire_shared() : try_acquire()) return true;
      std::uint32_t seen = word_.load(std::memory_order_relaxed);
      bool const must_wait = n.shared ? (seen & (writer | waited_for)) : seen != free;
      if (must_wait && !(seen & at_queue) && enter_queue_from(seen)) {
        queue_.push_back(n);
        leave_queue(seen | waited_for);
        return false;
      }
      backoff();
    }
  }

  /// Called by an owner. `grant(node)` is called under the internal lock, in order, for each new owner. True: the lock
  /// is orphaned and this was its last owner.
  template <class Grant>
  bool release(bool shared, Grant&& grant) {
    typename Machine::backoff backoff;
    std::uint32_t const mine = shared ? reader : writer;
    for (;;) {
      std::uint32_t seen = word_.load(std::memory_order_relaxed);
      assert((shared ? seen >= reader : (seen & writer) != 0) && "unlocked although nobody owns the lock");
      if (!(seen & (at_queue | waited_for))) {
        if (word_.compare_exchange_strong(seen, seen - mine, std::memory_order_acq_rel, std::memory_order_relaxed)) {
          return seen - mine == orphaned;
        }
      } else if (!(seen & at_queue) && enter_queue_from(seen)) {
        leave_queue(let_in(seen - mine, grant));
        return false;
      }
      backoff();
    }
  }

  /// Called by the owning writer, which becomes a reader. `grant` as for release().
  template <class Grant>
  void downgrade(Grant&& grant) {
    typename Machine::backoff backoff;
    for (;;) {
      std::uint32_t seen = word_.load(std::memory_order_relaxed);
      assert((seen & writer) && "downgraded although nobody writes");
      if (!(seen & (at_queue | waited_for))) {
        if (word_.compare_exchange_strong(seen, seen - writer + reader, std::memory_order_release,
                                          std::memory_order_relaxed)) {
          return;
        }
      } else if (!(seen & at_queue) && enter_queue_from(seen)) {
        return leave_queue(let_in(seen - writer + reader, grant));
      }
      backoff();
    }
  }

  /// Removes the node if it is still queued. Grants the waiters that it kept from owning.
  template <class Grant>
  bool withdraw(node& n, Grant&& grant) {
    std::uint32_t seen;
    if (!enter_queue(seen)) return false;
    bool const was_queued = n.queued;
    if (was_queued) queue_.remove(n);
    leave_queue(let_in(seen, grant));
    return was_queued;
  }

  template <class Chosen, class Take, class Grant>
  void withdraw_if(Chosen&& chosen, Take&& take, Grant&& grant) {
    std::uint32_t seen;
    if (!enter_queue(seen)) return;
    for (node* n = queue_.front(); n;) {
      node* const after = n->next;
      if (chosen(*n)) {
        queue_.remove(*n);
        take(*n);
      }
      n = after;
    }
    leave_queue(let_in(seen, grant));
  }

  /// True: the lock had no owner. Otherwise release() reports the last one. The queue must be empty and stay empty.
  bool orphan() {
    typename Machine::backoff backoff;
    for (;;) {
      std::uint32_t seen = word_.load(std::memory_order_relaxed);
      if (!(seen & at_queue) &&
          word_.compare_exchange_strong(seen, seen | orphaned, std::memory_order_acq_rel, std::memory_order_relaxed)) {
        return seen == free;
      }
      backoff();
    }
  }
  bool is_orphaned() const { return word_.load(std::memory_order_relaxed) & orphaned; }

  /// A snapshot; may be outdated when it returns.
  bool is_free() const { return word_.load(std::memory_order_relaxed) == free; }

 private:
  static constexpr std::uint32_t free = 0;
  static constexpr std::uint32_t writer = 1;
  static constexpr std::uint32_t waited_for = 2;
  static constexpr std::uint32_t at_queue = 4;
  static constexpr std::uint32_t orphaned = 8;
  static constexpr std::uint32_t reader = 16;  // the upper bits count readers

  bool enter_queue_from(std::uint32_t& seen) {
    return word_.compare_exchange_strong(seen, seen | at_queue, std::memory_order_acquire, std::memory_order_relaxed);
  }

  /// False: there are no waiters. Otherwise `seen` is the word without the internal lock, which no other thread
  /// changes.
  bool enter_queue(std::uint32_t& seen) {
    typename Machine::backoff backoff;
    for (;;) {
      // Acquire: see lock_core::enter_queue().
      seen = word_.load(std::memory_order_acquire);
      if (!(seen & (at_queue | waited_for))) return false;
      if (!(seen & at_queue) && enter_queue_from(seen)) return true;
      backoff();
    }
  }
  void leave_queue(std::uint32_t word) { word_.store(word, std::memory_order_release); }

  template <class Grant>
  std::uint32_t let_in(std::uint32_t word, Grant&& grant) {
    word &= ~waited_for;
    while (node* const oldest = queue_.front()) {
      if (word & writer || (!oldest->shared && word >= reader)) break;
      queue_.remove(*oldest);
      word += oldest->shared ? reader : writer;
      grant(*oldest);
    }
    return queue_.empty() ? word : word | waited_for;
  }

  typename Machine::template atomic<std::uint32_t> word_{free};
  node_queue<Machine> queue_;
};

}  // namespace holdfast::sync::detail
