// SPDX-License-Identifier: MIT
#pragma once
#include <holdfast/sync/detail/shared_state.hpp>
#include <holdfast/sync/mutex.hpp>

namespace holdfast::sync::detail {

/// What the rest of the library needs of a mutex and a lock and nobody else may have.
struct insider {
  /// How an operation reaches the mutex.
  template <class Lockable>
  static auto access(Lockable& lockable) noexcept {
    return lockable.access();
  }
  template <class Lockable>
  static auto access_shared(Lockable& lockable) noexcept {
    return lockable.access_shared();
  }

  /// Takes the ownership out of a lock object: it owns nothing, and the mutex is still owned.
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
