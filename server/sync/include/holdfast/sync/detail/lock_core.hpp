// SPDX-License-Identifier: MIT
#pragma once
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <thread>

namespace holdfast::sync::detail {

/// What the cores need of the machine: the real one. A model supplies a type with the same members, whose atomics and
/// plain variables it watches.
struct std_atomics {
  template <class T>
  using atomic = std::atomic<T>;
  template <class T>
  using plain = T;  // a variable that the protocol protects; a model checks that it does

  /// Says that the calling thread waits for another one to write: it leaves the core's other thread more of the core,
  /// and the bus alone, for 10 to 50 ns.
  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");  // `yield` does nothing on most cores
#elif defined(__arm__)
    asm volatile("yield" ::: "memory");
#else
    std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
  }

  /// How often a lock that is owned is looked at again, with a pause between, by those who would rather spin than wait.
  /// 100 pauses outlast a few sections of 100 ns, and cost less than the wake-up of a thread.
  static constexpr unsigned looks_max = 100;

  /// Called each time the internal lock was found taken. Its holder is a few instructions from letting go, unless it
  /// was preempted: then give the core away, and at last sleep, so that a holder of lower priority can run.
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

/// A place in a queue, embedded in the operation that waits. Every member belongs to the queue's internal lock.
template <class Machine>
struct queue_node {
  typename Machine::template plain<queue_node*> next{nullptr};
  typename Machine::template plain<queue_node*> previous{nullptr};
  typename Machine::template plain<bool> queued{false};
  bool shared = false;  // whether it wants the lock together with others; constant once queued; see shared_core
};

/// A doubly linked list of places: first in, first out, and O(1) removal anywhere. Not thread-safe by itself.
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

/// The mutex without Asio and coroutines: one word and a queue. It decides who owns; telling the new owner is the
/// caller's business, after the internal lock is dropped.
///
/// The word is free (0) or `held`, and only with `held` it can also say that somebody waits, or that somebody is at the
/// queue (the internal lock). Uncontended, locking and unlocking are one compare-and-swap each; contended, one more
/// store. While the internal lock is taken nobody else changes the word, because both fast paths expect it to be
/// exactly free or exactly held.
///
/// Ownership passes from the owner to the oldest waiter without the word ever becoming free: nobody can barge in.
/// A waiter that withdraws leaves ownership and the others' order as they were.
template <class Machine = std_atomics>
class lock_core {
 public:
  using node = queue_node<Machine>;

  /// Takes the lock if it is free and nobody waits.
  bool try_acquire() {
    std::uint32_t expected = word_.load(std::memory_order_relaxed);
    return expected == free &&
           word_.compare_exchange_strong(expected, held, std::memory_order_acquire, std::memory_order_relaxed);
  }

  /// As try_acquire(), but while the lock is owned and nobody waits it looks again, up to Machine::looks_max times. Who
  /// waits comes first: as soon as somebody does it gives up.
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

  /// True: the caller owns the lock. False: the node took its place at the end of the queue and belongs to the core
  /// until release() returns it or withdraw() gives it back; by the time of return it may already have been granted.
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

  /// Called by the owner. True: nobody waited and the lock is free. False: release() must be called.
  bool try_release() {
    // Looking first costs nothing if nobody waits, and spares a futile exchange if somebody does.
    std::uint32_t expected = word_.load(std::memory_order_relaxed);
    return expected == held &&
           word_.compare_exchange_strong(expected, free, std::memory_order_release, std::memory_order_relaxed);
  }

  /// Called by the owner. Returns the oldest waiter, which owns the lock from now on, or null: the lock is free.
  /// `about_to_leave(node)` is called under the internal lock before the node is out of anybody's sight.
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

  /// Takes the node out of the queue if it is still there: O(1). False: it was granted or withdrawn before.
  bool withdraw(node& n) {
    if (!enter_queue()) return false;
    bool const was_queued = n.queued;
    if (was_queued) queue_.remove(n);
    leave_queue(queue_.empty() ? held : held | waited_for);
    return was_queued;
  }

  /// Takes out, in order, every waiter for which `chosen(node)` holds, and gives it to `take(node)`; both are called
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

  /// A glance, outdated when it returns.
  bool is_held() const { return word_.load(std::memory_order_relaxed) & held; }

 private:
  static constexpr std::uint32_t free = 0;
  static constexpr std::uint32_t held = 1;
  static constexpr std::uint32_t waited_for = 2;
  static constexpr std::uint32_t at_queue = 4;

  /// False: the lock is free, so nobody waits.
  bool enter_queue() {
    typename Machine::backoff backoff;
    for (;;) {
      // Acquire, as whoever finds it free must see what was done under the internal lock no less than who takes that.
      std::uint32_t seen = word_.load(std::memory_order_acquire);
      if (seen == free) return false;
      if (!(seen & at_queue) &&
          word_.compare_exchange_strong(seen, seen | at_queue, std::memory_order_acquire, std::memory_order_relaxed)) {
        return true;
      }
      backoff();
    }
  }

  // Release also on behalf of the owner who passes the lock on: whoever takes the word next sees the section's writes.
  void leave_queue(std::uint32_t word) { word_.store(word, std::memory_order_release); }

  typename Machine::template atomic<std::uint32_t> word_{free};
  node_queue<Machine> queue_;
};

}  // namespace holdfast::sync::detail
