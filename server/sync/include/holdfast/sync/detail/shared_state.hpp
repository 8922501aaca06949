// SPDX-License-Identifier: MIT
#pragma once
#include <cassert>
#include <chrono>
#include <concepts>
#include <holdfast/sync/detail/asio.hpp>
#include <holdfast/sync/detail/initiation.hpp>
#include <holdfast/sync/detail/operation.hpp>
#include <holdfast/sync/detail/shared_core.hpp>
#include <memory>
#include <type_traits>
#include <utility>

/// The common part of shared_mutex and shared_guarded: everything but the value.
namespace holdfast::sync::detail {

/// State shared by a shared_mutex and its locks. Owned by the mutex, and after its destruction by the locks that still
/// own: their number is unlimited, so the mutex could not notify them.
class shared_state {
  static auto collect(waiter_chain& chain) noexcept {
    return [&chain](auto& node) {
      auto& w = static_cast<waiter&>(node);
      delivery::begin(w);
      chain.push_back(w);
    };
  }

 public:
  shared_state() = default;
  shared_state(shared_state const&) = delete;
  shared_state& operator=(shared_state const&) = delete;

  bool try_acquire(bool shared) noexcept { return shared ? core_.try_acquire_shared() : core_.try_acquire(); }
  bool acquire_or_enqueue(waiter& w) noexcept { return core_.acquire_or_enqueue(w); }
  bool is_orphaned() const noexcept { return core_.is_orphaned(); }

  /// Releases one ownership. The state may be gone afterwards.
  void release(bool shared) noexcept {
    waiter_chain granted;
    if (core_.release(shared, collect(granted))) {
      delete this;
      return;
    }
    tell(granted);
  }

  /// Turns the owning writer into a reader, together with the readers at the head of the queue.
  void downgrade() noexcept {
    waiter_chain granted;
    core_.downgrade(collect(granted));
    tell(granted);
  }

  bool withdraw(waiter& w) noexcept {
    waiter_chain granted;
    bool const was_queued = core_.withdraw(w, collect(granted));
    tell(granted);
    return was_queued;
  }

  context_link* link(asio::execution_context& context) { return links_.find_or_create(context, this, &take_out); }

  /// Called by the mutex's destructor: the waiters complete with operation_aborted.
  void abandon() noexcept {
    waiter_chain waiting;
    waiter_chain nobody;
    core_.withdraw_if([](auto&) { return true; }, collect(waiting), collect(nobody));
    // Notify them before the last owner may free the state: until then a timer may still use it to withdraw its waiter.
    while (waiter* const w = waiting.pop_front()) {
      delivery const in_progress(*w);
      w->abort();
    }
    if (core_.orphan()) delete this;
  }

 protected:
  virtual ~shared_state() = default;

 private:
  // Each of them owns, so the state lives until the last one is notified, and may be gone then.
  static void tell(waiter_chain granted) noexcept {
    while (waiter* const w = granted.pop_front()) deliver_grant(*w);
  }

  static void take_out(void* self, context_link const& link, waiter_chain& taken, waiter_chain& granted) {
    static_cast<shared_state*>(self)->core_.withdraw_if(
        [&](auto& node) { return static_cast<waiter&>(node).link == &link; },
        [&](auto& node) { taken.push_back(static_cast<waiter&>(node)); }, collect(granted));
  }

  shared_core<> core_;
  context_links links_;
};

/// The value lives with the lock's state, so that owners can still use it after the guarded object is destroyed.
template <class T>
struct shared_cell final : shared_state {
  template <class... Args>
  explicit shared_cell(Args&&... args) : value(std::forward<Args>(args)...) {}
  T value;
};
template <>
struct shared_cell<void> final : shared_state {};

/// An operation's access to a shared_mutex. `Lock` is the handler's argument; its type selects shared or exclusive
/// mode.
template <class Lock>
struct shared_access {
  using policy_type = no_instrumentation;
  using identity = instrument<no_instrumentation>::identity;
  using result_type = Lock;
  static constexpr bool shared = Lock::is_shared;

  bool try_acquire(identity) noexcept { return acquire(); }
  bool acquire() noexcept { return state->try_acquire(shared); }
  void asked(waiter& w, identity) noexcept { w.shared = shared; }
  void gave_up(waiter&) noexcept {}
  bool acquire_or_enqueue(waiter& w) noexcept { return state->acquire_or_enqueue(w); }
  bool withdraw(waiter& w) noexcept { return state && state->withdraw(w); }
  context_link* link(asio::execution_context& context) { return state->link(context); }
  void take_charge(waiter&) noexcept {}
  result_type deliver() noexcept {
    if (!state->is_orphaned()) return Lock(*state);
    release();
    return Lock();
  }
  void release() noexcept { state->release(shared); }
  void forget() noexcept { state = nullptr; }

  typename Lock::state_type* state;
};

/// Ownership of a shared_mutex or, with a value, of a shared_guarded: exclusive, or, if `shared`, together with other
/// readers and read-only. Released by the destructor. Like basic_lock, except that it stays valid, with the value, if
/// the mutex is destroyed first.
template <class T, bool shared>
class [[nodiscard]] basic_shared_lock {
 public:
  static constexpr bool is_shared = shared;
  using state_type = shared_cell<T>;
  using value_type = std::conditional_t<shared, std::add_const_t<T>, T>;

  basic_shared_lock() noexcept = default;
  basic_shared_lock(basic_shared_lock&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  basic_shared_lock& operator=(basic_shared_lock&& other) noexcept {
    if (this != &other) {
      if (state_) unlock();
      state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
  }
  ~basic_shared_lock() {
    if (state_) state_->release(shared);
  }

  bool owns_lock() const noexcept { return state_ != nullptr; }
  explicit operator bool() const noexcept { return owns_lock(); }

  /// The value; the lock must own it. From a temporary lock, a const copy; see guarded_lock.
  auto& operator*() const& noexcept
    requires(!std::is_void_v<T>)
  {
    assert(owns_lock() && "reached for a value without owning its lock");
    return static_cast<value_type&>(state_->value);
  }
  template <class Copy = T>
    requires std::copy_constructible<Copy>
  Copy const operator*() const&& {  // NOLINT(readability-const-return-type): prevents assignments to the copy
    return **this;
  }
  template <class Copy = T>
    requires(!std::is_void_v<Copy> && !std::copy_constructible<Copy>)
  Copy const operator*() const&& = delete;  // NOLINT(readability-const-return-type)
  auto* operator->() const noexcept
    requires(!std::is_void_v<T>)
  {
    return std::addressof(*static_cast<basic_shared_lock const&>(*this));
  }

  /// Releases the lock early. It must own.
  void unlock() noexcept {
    assert(state_ && "unlocked although it owns nothing");
    if (state_) std::exchange(state_, nullptr)->release(shared);
  }

  /// Turns a writer into a reader without a write by others in between, and grants the next readers in the queue. The
  /// lock must own; afterwards it owns nothing, and the returned reader's lock owns.
  basic_shared_lock<T, true> downgrade() noexcept
    requires(!shared)
  {
    assert(state_ && "downgraded although it owns nothing");
    if (!state_) return {};
    state_->downgrade();
    return basic_shared_lock<T, true>(*std::exchange(state_, nullptr));
  }

 private:
  template <class>
  friend class basic_shared;
  template <class>
  friend struct shared_access;
  template <class, bool>
  friend class basic_shared_lock;
  friend struct insider;

  explicit basic_shared_lock(state_type& state) noexcept : state_(&state) {}

  shared_access<basic_shared_lock> access() const noexcept { return {state_}; }
  state_type* detach() noexcept { return std::exchange(state_, nullptr); }
  void attach(state_type* state) noexcept { state_ = state; }

  state_type* state_ = nullptr;
};

/// The mutex itself, with a value, or without if T is void.
template <class T>
class basic_shared : public lock_functions<basic_shared<T>, instrument<no_instrumentation>::identity> {
 public:
  using lock = basic_shared_lock<T, false>;
  using shared_lock = basic_shared_lock<T, true>;

  basic_shared(basic_shared const&) = delete;
  basic_shared& operator=(basic_shared const&) = delete;

  /// Returns the lock, or one that owns nothing if the lock is not available at once. Never waits.
  [[nodiscard]] lock try_lock() noexcept { return state_->try_acquire(false) ? lock(*state_) : lock(); }
  [[nodiscard]] shared_lock try_lock_shared() noexcept {
    return state_->try_acquire(true) ? shared_lock(*state_) : shared_lock();
  }

  /// Like async_lock(), but shared with other readers. Completes with `void(error_code, shared_lock)`.
  template <class CompletionToken = default_token>
  auto async_lock_shared(CompletionToken&& token = {}) {
    return start_shared(no_deadline(), std::forward<CompletionToken>(token));
  }
  /// Leaves the queue at `deadline`, like async_lock_until().
  template <class CompletionToken = default_token>
  auto async_lock_shared_until(std::chrono::steady_clock::time_point deadline, CompletionToken&& token = {}) {
    return start_shared(until{deadline}, std::forward<CompletionToken>(token));
  }
  template <class CompletionToken = default_token>
  auto async_lock_shared_for(std::chrono::steady_clock::duration duration, CompletionToken&& token = {}) {
    return start_shared(after(duration), std::forward<CompletionToken>(token));
  }

 protected:
  template <class... Args>
  explicit basic_shared(Args&&... args) : state_(new shared_cell<T>(std::forward<Args>(args)...)) {}
  ~basic_shared() { state_->abandon(); }

 private:
  friend lock_functions<basic_shared, instrument<no_instrumentation>::identity>;
  friend struct insider;

  shared_access<lock> access() noexcept { return {state_}; }
  shared_access<shared_lock> access_shared() noexcept { return {state_}; }

  template <class Deadline, class CompletionToken>
  auto start_shared(Deadline const& deadline, CompletionToken&& token) {
    return start_with(std::forward<CompletionToken>(token),
                      wait_initiation<shared_access<shared_lock>, Deadline>(access_shared(), {}, deadline));
  }

  shared_cell<T>* const state_;
};

}  // namespace holdfast::sync::detail
