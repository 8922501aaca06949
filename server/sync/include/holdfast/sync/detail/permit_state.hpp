// SPDX-License-Identifier: MIT
#pragma once
#include <atomic>
#include <cstdint>
#include <holdfast/sync/detail/asio.hpp>
#include <holdfast/sync/detail/initiation.hpp>
#include <holdfast/sync/detail/operation.hpp>
#include <holdfast/sync/detail/permit_core.hpp>
#include <utility>

/// The common part of semaphore, event and condition_variable: a queue whose waiters get only their turn, not a lock.
namespace holdfast::sync::detail {

/// The queue. Lives as long as its object, and afterwards as long as an operation may still use it.
class permit_state {
  static auto collect(waiter_chain& chain) noexcept {
    return [&chain](auto& node) {
      auto& w = static_cast<waiter&>(node);
      delivery::begin(w);
      chain.push_back(w);
    };
  }

 public:
  explicit permit_state(std::uint64_t permits) : core_(permits) {}
  permit_state(permit_state const&) = delete;
  permit_state& operator=(permit_state const&) = delete;

  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_reference() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  permit_core<>& core() noexcept { return core_; }
  bool is_abandoned() const noexcept { return abandoned_.load(std::memory_order_acquire); }

  /// True: released. False: there would be too many permits.
  bool release(std::uint64_t count, bool keeps) noexcept {
    waiter_chain granted;
    bool const given = core_.release(count, keeps, collect(granted));
    tell(granted);
    return given;
  }
  void open(bool stays) noexcept {
    waiter_chain granted;
    core_.open(stays, collect(granted));
    tell(granted);
  }

  context_link* link(asio::execution_context& context) { return links_.find_or_create(context, this, &take_out); }

  /// Called by the owning object's destructor: the waiters complete with operation_aborted.
  void abandon() noexcept {
    abandoned_.store(true, std::memory_order_release);
    waiter_chain waiting;
    core_.withdraw_if([](auto&) { return true; }, collect(waiting));
    while (waiter* const w = waiting.pop_front()) {
      delivery const in_progress(*w);
      w->abort();
    }
    drop_reference();
  }

 private:
  ~permit_state() = default;

  static void tell(waiter_chain granted) noexcept {
    while (waiter* const w = granted.pop_front()) deliver_grant(*w);
  }
  static void take_out(void* self, context_link const& link, waiter_chain& taken, waiter_chain&) {
    static_cast<permit_state*>(self)->core_.withdraw_if(
        [&](auto& node) { return static_cast<waiter&>(node).link == &link; },
        [&](auto& node) { taken.push_back(static_cast<waiter&>(node)); });
  }

  std::atomic<std::size_t> references_{1};
  std::atomic<bool> abandoned_{false};
  permit_core<> core_;
  context_links links_;  // last, so destroyed first: no context then refers to destroyed members
};

/// What waiters wait for, and what happens to the turn of a waiter that is gone.
enum class permit_kind : unsigned char {
  semaphore,  // a permit, taken; returned
  event,      // the flag; nothing
  condition   // a notification; passed to the next waiter
};

/// An operation's access to a permit_state. A queued operation keeps the state alive.
template <permit_kind kind>
class permit_access {
 public:
  using policy_type = no_instrumentation;
  using identity = instrument<no_instrumentation>::identity;
  using result_type = no_result;

  explicit permit_access(permit_state* state) noexcept : state_(state) {}
  permit_access(permit_access const& other) noexcept : state_(other.state_), counts_(other.counts_) {
    if (counts_) state_->add_reference();
  }
  permit_access& operator=(permit_access const&) = delete;
  ~permit_access() { forget(); }

  bool try_acquire(identity) noexcept { return acquire(); }
  bool acquire() noexcept {
    return kind != permit_kind::condition && state_->core().try_acquire(kind == permit_kind::semaphore);
  }
  void asked(waiter&, identity) noexcept {
    state_->add_reference();
    counts_ = true;
  }
  void gave_up(waiter&) noexcept {}
  bool acquire_or_enqueue(waiter& w) noexcept {
    return state_->core().acquire_or_enqueue(w, kind == permit_kind::semaphore);
  }
  bool withdraw(waiter& w) noexcept { return state_ && state_->core().withdraw(w); }
  context_link* link(asio::execution_context& context) { return state_->link(context); }
  void take_charge(waiter&) noexcept {}
  result_type deliver() noexcept { return result_type(!state_->is_abandoned()); }
  void release() noexcept {
    if constexpr (kind != permit_kind::event) state_->release(1, kind == permit_kind::semaphore);
  }
  void forget() noexcept {
    if (std::exchange(counts_, false)) std::exchange(state_, nullptr)->drop_reference();
  }

 private:
  permit_state* state_;
  bool counts_ = false;
};

}  // namespace holdfast::sync::detail
