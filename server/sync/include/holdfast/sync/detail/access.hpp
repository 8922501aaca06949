#pragma once
#include <boost/asio/execution_context.hpp>
#include <holdfast/sync/detail/context_link.hpp>
#include <holdfast/sync/detail/waiter.hpp>
#include <utility>

namespace holdfast::sync::detail {

/// Says that a lock object is to take over an ownership that exists already.
struct adopt_t {};
inline constexpr adopt_t adopt;

/// The handler gets the mutex's own lock.
template <class Mutex>
struct plain_lock {
  using result_type = typename Mutex::lock;
  result_type operator()(Mutex& m) const noexcept { return result_type(m, adopt); }
};

/// How an operation reaches a mutex that it wants for itself alone. `Wrap` makes of a mutex that is owned what the
/// handler gets.
template <class Mutex, class Wrap>
struct exclusive_access {
  using policy_type = typename Mutex::policy_type;
  using identity = typename Mutex::identity;
  using result_type = typename Wrap::result_type;
  using waiter_type = waiter_of<policy_type>;

  exclusive_access(Mutex& m, Wrap w) noexcept : mutex(&m), wrap(w) {}

  void const* address() const noexcept { return mutex; }
  bool is_free() const noexcept { return !mutex->core_.is_held(); }
  bool try_acquire(identity const& who) noexcept { return mutex->try_acquire(who); }
  void asked(waiter_type& w, identity const& who) noexcept { w.ticket = mutex->instrument_.asked(who); }
  bool acquire_or_enqueue(waiter_type& w) noexcept { return mutex->core_.acquire_or_enqueue(w); }
  bool withdraw(waiter_type& w) noexcept { return mutex && mutex->withdraw(w); }
  context_link* link(boost::asio::execution_context& context) {
    return mutex->links_.find_or_create(context, mutex, &Mutex::take_out);
  }
  void take_charge(waiter_type& w) noexcept {
    mutex->owner_ = &mutex;
    mutex->instrument_.granted(w.ticket);
  }
  result_type deliver() noexcept { return mutex ? wrap(*mutex) : result_type(); }
  void release() noexcept {
    if (mutex) mutex->unlock();
  }
  void forget() noexcept { mutex = nullptr; }

  Mutex* mutex;  // set to null by the mutex's destructor while this is its owner
  [[no_unique_address]] Wrap wrap;
};

}  // namespace holdfast::sync::detail
