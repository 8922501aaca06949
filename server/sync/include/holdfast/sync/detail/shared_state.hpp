#pragma once
#include <boost/asio/error.hpp>
#include <boost/asio/execution_context.hpp>
#include <holdfast/sync/detail/access.hpp>
#include <holdfast/sync/detail/context_link.hpp>
#include <holdfast/sync/detail/instrument.hpp>
#include <holdfast/sync/detail/shared_core.hpp>
#include <holdfast/sync/detail/standing_aside.hpp>
#include <holdfast/sync/detail/waiter.hpp>
#include <utility>

namespace holdfast::sync::detail {

/// What a shared_mutex and its locks have in common. It belongs to the mutex, and when that is gone to the locks that
/// still own: any number of them may, so the mutex could not tell them.
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
  bool may_enter(bool shared) const noexcept { return shared ? core_.admits_readers() : core_.is_free(); }
  bool is_orphaned() const noexcept { return core_.is_orphaned(); }

  /// Gives up one ownership. The state may be gone afterwards.
  void release(bool shared) noexcept {
    waiter_chain granted;
    if (core_.release(shared, collect(granted))) {
      delete this;
      return;
    }
    tell(granted);
  }

  bool withdraw(waiter& w) noexcept {
    waiter_chain granted;
    bool const was_queued = core_.withdraw(w, collect(granted));
    tell(granted);
    return was_queued;
  }

  context_link* link(boost::asio::execution_context& context) {
    return links_.find_or_create(context, this, &take_out);
  }

  /// By the mutex's destructor: the waiters complete with operation_aborted.
  void abandon() noexcept {
    tell_those_aside_that_it_goes(this);
    waiter_chain waiting;
    waiter_chain nobody;
    core_.withdraw_if([](auto&) { return true; }, collect(waiting), collect(nobody));
    bool const is_mine = core_.orphan();
    while (waiter* const w = waiting.pop_front()) {
      delivery const in_progress(*w);
      w->abort();
    }
    if (is_mine) delete this;
  }

 protected:
  virtual ~shared_state() = default;

 private:
  // Each of them owns, so that this state lives until the last one is told; then it may be gone.
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

/// How an operation reaches a shared_mutex. `Lock` is what the handler gets, for readers if it says so.
template <class Lock>
struct shared_access {
  using policy_type = no_instrumentation;
  using identity = instrument<no_instrumentation>::identity;
  using result_type = Lock;
  static constexpr bool shared = Lock::is_shared;

  void const* address() const noexcept { return state; }
  bool is_free() const noexcept { return state->may_enter(shared); }
  bool try_acquire(identity) noexcept { return state->try_acquire(shared); }
  void asked(waiter& w, identity) noexcept { w.shared = shared; }
  bool acquire_or_enqueue(waiter& w) noexcept { return state->acquire_or_enqueue(w); }
  bool withdraw(waiter& w) noexcept { return state && state->withdraw(w); }
  context_link* link(boost::asio::execution_context& context) { return state->link(context); }
  void take_charge(waiter&) noexcept {}
  result_type deliver() noexcept {
    if (!state->is_orphaned()) return Lock(*state, adopt);
    release();
    return Lock();
  }
  void release() noexcept { state->release(shared); }
  void forget() noexcept { state = nullptr; }

  typename Lock::state_type* state;
};

}  // namespace holdfast::sync::detail
