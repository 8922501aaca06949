#pragma once
#include <chrono>
#include <concepts>
#include <cstddef>

namespace holdfast::sync {

/// A mutex that tells nobody what it does: the default. Costs neither space nor time.
struct no_instrumentation {};

/// What an instrumented mutex tells. `Identity` is what the policy calls a waiter: a session number, say.
template <class Identity>
struct lock_event {
  using time_point = std::chrono::steady_clock::time_point;
  Identity who{};             // whom the event is about
  Identity previous_owner{};  // who owned before; Identity() if nobody ever did
  std::size_t waiting = 0;    // how many have asked and are neither granted nor cancelled, after the event
  time_point at{};
  time_point asked_at{};
  time_point granted_at{};  // for `released`; otherwise the previous grant's
};

/// A policy that wants to be told. It needs a type `identity` (default constructible, copyable, comparable) and any of
/// these functions, all noexcept:
///
///     void asked(lock_event<identity> const&);      // has asked, is about to take its place in the queue or the lock
///     void granted(lock_event<identity> const&);    // owns from now on; told before the owner itself is
///     void released(lock_event<identity> const&);   // about to give up
///     void cancelled(lock_event<identity> const&);  // left the queue: cancelled, timed out, context or mutex
///     static time_point now();                      // instead of steady_clock::now()
///
/// granted() and released() of one mutex come strictly alternating, one at a time, in the order of ownership; what one
/// wrote the next may read. asked() and cancelled() come from any thread at any time. All are called where it happens,
/// so they must be short, and must not use, create or destroy a lock of this library or an execution context. The
/// queue's internal lock is not held then; when a deadline or the end of a context cancels, one of theirs is.
///
/// A debug build asserts that no identity but identity() asks for a mutex that it owns, which would be a deadlock; a
/// policy whose identities stand for several owners at once says so: static constexpr bool identities_are_unique =
/// false.
template <class Policy>
concept instrumentation = requires { typename Policy::identity; };

}  // namespace holdfast::sync
