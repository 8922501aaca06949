// SPDX-License-Identifier: MIT
#pragma once
#include <holdfast/sync/detail/shared_state.hpp>
#include <holdfast/sync/mutex.hpp>

namespace holdfast::sync::detail {

/// Access to private parts of mutexes and locks for the rest of the library.
struct insider {
  /// The access object by which an operation uses the mutex.
  template <class Lockable>
  static auto access(Lockable& lockable) noexcept {
    return lockable.access();
  }
  template <class Lockable>
  static auto access_shared(Lockable& lockable) noexcept {
    return lockable.access_shared();
  }

  /// Detaches the ownership from a lock object: the object owns nothing, and the mutex stays owned.
  template <class Lock>
  static auto* detach(Lock& lock) noexcept {
    return lock.detach();
  }
  template <class Lock, class Mutex>
  static void attach(Lock& lock, Mutex* mutex) noexcept {
    lock.attach(mutex);
  }
  template <class Policy>
  static void unlock(basic_mutex<Policy>* detached) noexcept {
    detached->unlock();
  }
  static void unlock(shared_state* detached) noexcept { detached->release(false); }
};

}  // namespace holdfast::sync::detail
