// SPDX-License-Identifier: MIT
#pragma once
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <thread>

namespace holdfast::sync::detail {

/// The real machine for the lock cores. A model checker replaces it by a type with the same members, whose atomics and
/// plain variables it observes.
struct std_atomics {
  template <class T>
  using atomic = std::atomic<T>;
  template <class T>
  using plain = T;  // a variable protected by the protocol; a model checks that

  /// Hints that the calling thread waits for a write by another one. Gives the core's other hardware thread more
  /// resources and keeps off the bus for 10 to 50 ns.
  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");  // `yield` has no effect on most cores
#elif defined(__arm__)
    asm volatile("yield" ::: "memory");
#else
    std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
  }

  /// How often a spinning try_lock checks an owned lock, with a pause in between. 100 pauses are longer than a few
  /// sections of 100 ns, and cost less than waking a thread.
  static constexpr unsigned looks_max = 100;

  /// Called each time the internal lock was found taken. Its holder needs only a few more instructions unless it was
  /// preempted: so first spin, then yield, and finally sleep, so that a holder with lower priority can run.
  class backoff {
   public:
    void operator()() noexcept {
      if (++rounds_ <= spins_max) {
        pause();
      } else if (rounds_ <= yields_max) {
        std::this_thread::yield();
      } else {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
    }

   private:
    static constexpr unsigned spins_max = 64;
    static constexpr unsigned yields_max = 1024;
    unsigned rounds_ = 0;
  };
};

/// A node of a queue, embedded in the waiting operation. All members are protected by the queue's internal lock.
template <class Machine>
struct queue_node {
  typename Machine::template plain<queue_node*> next{nullptr};
  typename Machine::template plain<queue_node*> previous{nullptr};
  typename Machine::template plain<bool> queued{false};
  bool shared = false;  // wants shared ownership, see shared_core; constant once queued
};

/// A doubly linked FIFO list of nodes with O(1) removal anywhere. Not thread-safe by itself.
template <class Machine>
class node_queue {
 public:
  using node = queue_node<Machine>;

  bool empty() const { return static_cast<node*>(head_) == nullptr; }
  node* front() const { return head_; }

  void push_back(node& n) {
    node* const last = tail_;
    n.next = nullptr;
    n.previous = last;
    n.queued = true;
    if (last) {
      last->next = &n;
    } else {
      head_ = &n;
    }
    tail_ = &n;
  }

  void remove(node& n) {
    node* const before = n.previous;
    node* const after = n.next;
    if (before) {
      before->next = after;
    } else {
      head_ = after;
    }
    if (after) {
      after->previous = before;
    } else {
      tail_ = before;
    }
    n.queued = false;
  }

 private:
  typename Machine::template plain<node*> head_{nullptr};
  typename Machine::template plain<node*> tail_{nullptr};
};

/// The mutex without Asio and coroutines: one word and a queue. It decides who owns; the caller notifies the new owner
/// after the internal lock is released.
///
/// The word is free (0) or `held`. Together with `held`, further bits say that there are waiters, and that a thread is
/// working on the queue (the internal lock). Uncontended, locking and unlocking take one compare-and-swap each;
/// contended, one more store. While the internal lock is taken, no other thread changes the word, because both fast
/// paths expect it to be exactly free or exactly held.
///
/// Ownership passes from the owner to the oldest waiter without the word ever becoming free, so there is no barging. A
/// waiter that withdraws changes neither ownership nor the order of the others.
template <class Machine = std_atomics>
class lock_core {
 public:
  using node = queue_node<Machine>;

  /// Acquires the lock if it is free. (A free lock has no waiters.)
  bool try_acquire() {
    std::uint32_t expected = word_.load(std::memory_order_relaxed);
    return expected == free &&
           word_.compare_exchange_strong(expected, held, std::memory_order_acquire, std::memory_order_relaxed);
  }

  /// Like try_acquire(), but checks up to Machine::looks_max times while the lock is owned without waiters. Waiters
  /// come first: it fails as soon as there is one.
  bool try_acquire_spinning() {
    for (unsigned looks = Machine::looks_max;; --looks) {
      std::uint32_t seen = word_.load(std::memory_order_relaxed);
      if (seen != free && seen != held) return false;
      if (seen == free &&
          word_.compare_exchange_strong(seen, held, std::memory_order_acquire, std::memory_order_relaxed)) {
        return true;
      }
      if (looks == 0) return false;
      Machine::pause();
    }
  }

  /// True: the caller owns the lock. False: the node was queued and belongs to the core until release() or withdraw()
  /// returns it; when this function returns it may already have been granted.
  bool acquire_or_enqueue(node& n) {
    typename Machine::backoff backoff;
    for (;;) {
      std::uint32_t seen = word_.load(std::memory_order_relaxed);
      if (seen == free) {
        if (word_.compare_exchange_strong(seen, held, std::memory_order_acquire, std::memory_order_relaxed))
          return true;
      } else if (!(seen & at_queue)) {
        if (word_.compare_exchange_strong(seen, seen | at_queue, std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
          queue_.push_back(n);
          leave_queue(held | waited_for);
          return false;
        }
      }
      backoff();
    }
  }

  /// Called by the owner. True: there was no waiter, and the lock is free. False: release() must be called.
  bool try_release() {
    // The load is free without waiters, and avoids a futile exchange with waiters.
    std::uint32_t expected = word_.load(std::memory_order_relaxed);
    return expected == held &&
           word_.compare_exchange_strong(expected, free, std::memory_order_release, std::memory_order_relaxed);
  }

  /// Called by the owner. Returns the oldest waiter, which is the new owner, or null if the lock is free now.
  /// `about_to_leave(node)` is called under the internal lock before the node leaves the queue.
  template <class Hook>
  node* release(Hook&& about_to_leave) {
    typename Machine::backoff backoff;
    for (;;) {
      std::uint32_t seen = word_.load(std::memory_order_relaxed);
      assert((seen & held) && "unlocked although nobody owns the lock");
      if (seen == held) {
        if (try_release()) return nullptr;
      } else if (!(seen & at_queue)) {
        if (word_.compare_exchange_strong(seen, seen | at_queue, std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
          node* const oldest = queue_.front();
          about_to_leave(*oldest);
          queue_.remove(*oldest);
          leave_queue(queue_.empty() ? held : held | waited_for);
          return oldest;
        }
      }
      backoff();
    }
  }

  /// Removes the node from the queue in O(1). False: it was granted or withdrawn before.
  bool withdraw(node& n) {
    if (!enter_queue()) return false;
    bool const was_queued = n.queued;
    if (was_queued) queue_.remove(n);
    leave_queue(queue_.empty() ? held : held | waited_for);
    return was_queued;
  }

  /// Removes all waiters for which `chosen(node)` is true, in order, and passes each to `take(node)`. Both are called
  /// under the internal lock.
  template <class Chosen, class Take>
  void withdraw_if(Chosen&& chosen, Take&& take) {
    if (!enter_queue()) return;
    for (node* n = queue_.front(); n;) {
      node* const after = n->next;
      if (chosen(*n)) {
        queue_.remove(*n);
        take(*n);
      }
      n = after;
    }
    leave_queue(queue_.empty() ? held : held | waited_for);
  }

  /// A snapshot; may be outdated when it returns.
  bool is_held() const { return word_.load(std::memory_order_relaxed) & held; }

 private:
  static constexpr std::uint32_t free = 0;
  static constexpr std::uint32_t held = 1;
  static constexpr std::uint32_t waited_for = 2;
  static constexpr std::uint32_t at_queue = 4;

  /// Takes the internal lock. False: the lock is free, so there is no waiter.
  bool enter_queue() {
    typename Machine::backoff backoff;
    for (;;) {
      // Acquire, since a caller that finds the lock free must also see what was done under the internal lock.
      std::uint32_t seen = word_.load(std::memory_order_acquire);
      if (seen == free) return false;
      if (!(seen & at_queue) &&
          word_.compare_exchange_strong(seen, seen | at_queue, std::memory_order_acquire, std::memory_order_relaxed)) {
        return true;
      }
      backoff();
    }
  }

  // Release also on behalf of an owner that passes the lock on: the next to take the word sees its section's writes.
  void leave_queue(std::uint32_t word) { word_.store(word, std::memory_order_release); }

  typename Machine::template atomic<std::uint32_t> word_{free};
  node_queue<Machine> queue_;
};

}  // namespace holdfast::sync::detail
