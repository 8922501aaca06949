#pragma once
/// What the lock's core needs of the machine, in one place, so that a model checker can put its own in.
#include <atomic>
#include <chrono>
#include <thread>

namespace holdfast::sync::detail {

/// The real machine. A model supplies a type with the same members, whose atomics and plain variables it watches.
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

}  // namespace holdfast::sync::detail
