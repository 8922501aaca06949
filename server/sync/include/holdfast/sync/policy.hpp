// SPDX-License-Identifier: MIT
#pragma once
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace holdfast::sync {

/// No instrumentation, the default. Costs neither space nor time.
struct no_instrumentation {};

/// An event of an instrumented mutex. `Identity` identifies a waiter for the policy: a session number, for example.
template <class Identity>
struct lock_event {
  using time_point = std::chrono::steady_clock::time_point;
  Identity who{};             // the subject of the event
  Identity previous_owner{};  // the previous owner; identity() if there was none
  std::size_t waiting = 0;    // requests neither granted nor cancelled, after the event
  time_point at{};
  time_point asked_at{};
  time_point granted_at{};  // for `released`: this grant's; otherwise the previous grant's
};

/// A policy that observes a mutex. It needs a type `identity` (default constructible, copyable, comparable) and any of
/// these functions, all noexcept:
///
///     void asked(lock_event<identity> const&);      // requests the lock; is queued or granted next
///     void granted(lock_event<identity> const&);    // owns the lock; called before the owner continues
///     void released(lock_event<identity> const&);   // is about to release
///     void cancelled(lock_event<identity> const&);  // left the queue: cancelled, timed out or destroyed
///     static time_point now();                      // instead of steady_clock::now()
///
/// granted() and released() of one mutex strictly alternate, one at a time, in the order of ownership; each may read
/// what the one before wrote. asked() and cancelled() are called by any thread at any time. All are called where the
/// event occurs, so they must be short, and must not use, create or destroy a lock of this library or an execution
/// context. The queue's internal lock is not held during a call; when a deadline or the destruction of a context
/// cancels a wait, an internal lock of those is.
///
/// A debug build asserts that no identity except identity() requests a mutex that it owns, which would be a deadlock. A
/// policy whose identities stand for several owners at once disables this with
///
///     static constexpr bool identities_are_unique = false;
template <class Policy>
concept instrumentation = requires { typename Policy::identity; };

}  // namespace holdfast::sync

namespace holdfast::sync::detail {

/// The mutex's side of its instrumentation policy. Without a policy, everything here is empty and does nothing.
template <class Policy>
class instrument {
 public:
  struct identity {};
  struct ticket {};
  using policy_type = Policy;

  instrument() = default;
  explicit instrument(Policy const&) {}

  ticket asked(identity) noexcept { return {}; }
  void granted(ticket) noexcept {}
  void released() noexcept {}
  void cancelled(ticket) noexcept {}
};

template <instrumentation Policy>
class instrument<Policy> {
 public:
  using policy_type = Policy;
  using identity = typename Policy::identity;
  using event = lock_event<identity>;
  using time_point = typename event::time_point;

  /// The data kept by a waiter.
  struct ticket {
    identity who{};
    time_point asked_at{};
  };

  instrument() = default;
  explicit instrument(Policy policy) : policy_(std::move(policy)) {}

  Policy& policy() noexcept { return policy_; }

  ticket asked(identity const& who) noexcept {
    assert_no_relock(who);
    ticket const mine{who, now()};
    auto const waiting = waiting_.fetch_add(1, std::memory_order_relaxed) + 1;
    if constexpr (requires(event const& e) { policy_.asked(e); }) {
      policy_.asked(event{who, identity(), waiting, mine.asked_at, mine.asked_at, {}});
    }
    return mine;
  }

  /// Called by the new owner, or on its behalf.
  void granted(ticket const& mine) noexcept {
    auto const waiting = waiting_.fetch_sub(1, std::memory_order_relaxed) - 1;
    event const e{mine.who, owner_, waiting, now(), mine.asked_at, granted_at_};
    owner_ = mine.who;
    granted_at_ = e.at;
    asked_at_ = mine.asked_at;
    publish_owner(mine.who);
    if constexpr (requires { policy_.granted(e); }) policy_.granted(e);
  }

  /// Called by the owner before the release.
  void released() noexcept {
    publish_owner(identity());
    if constexpr (requires(event const& e) { policy_.released(e); }) {
      policy_.released(
          event{owner_, identity(), waiting_.load(std::memory_order_relaxed), now(), asked_at_, granted_at_});
    }
  }

  void cancelled(ticket const& mine) noexcept {
    auto const waiting = waiting_.fetch_sub(1, std::memory_order_relaxed) - 1;
    if constexpr (requires(event const& e) { policy_.cancelled(e); }) {
      policy_.cancelled(event{mine.who, identity(), waiting, now(), mine.asked_at, {}});
    }
  }

 private:
  static constexpr bool detects_relock =
      [] {
        if constexpr (requires { Policy::identities_are_unique; }) {
          return bool(Policy::identities_are_unique);
        } else {
          return true;
        }
      }() &&
      std::is_trivially_copyable_v<identity> && sizeof(identity) <= sizeof(void*);

  static time_point now() noexcept {
    if constexpr (requires { Policy::now(); }) {
      return Policy::now();
    } else {
      return std::chrono::steady_clock::now();
    }
  }

  void publish_owner(identity const& who) noexcept {
    if constexpr (detects_relock) current_.store(who, std::memory_order_relaxed);
  }
  void assert_no_relock([[maybe_unused]] identity const& who) const noexcept {
    // Only the owner itself can find its own identity here, so the relaxed load sees its own store.
    if constexpr (detects_relock) {
      assert((who == identity() || current_.load(std::memory_order_relaxed) != who) &&
             "asks for a mutex that it owns: would wait for itself for ever");
    }
  }

  Policy policy_{};
  std::atomic<std::size_t> waiting_{0};
  struct nothing {
    explicit nothing(identity) {}
  };
  std::conditional_t<detects_relock, std::atomic<identity>, nothing> current_{identity()};
  identity owner_{};  // written only by the owner, like the following members
  time_point asked_at_{};
  time_point granted_at_{};
};

}  // namespace holdfast::sync::detail
