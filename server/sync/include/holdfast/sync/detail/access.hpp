#pragma once
#include <boost/asio/execution_context.hpp>
#include <holdfast/sync/detail/context_link.hpp>
#include <utility>

namespace holdfast::sync::detail {

/// Says that a lock object is to take over an ownership that exists already.
struct adopt_t {};
inline constexpr adopt_t adopt;

/// The handler gets the mutex's own lock.
template <class Mutex>
struct plain_lock {
  using result_type = typename Mutex::lock;
  result_type operator()(typename Mutex::lock&& lock) const noexcept { return std::move(lock); }
};

/// How an operation reaches a mutex that it wants for itself alone. `Wrap` makes of the mutex's lock what the handler
/// gets.
template <class Mutex, class Wrap>
struct exclusive_access {
  using result_type = typename Wrap::result_type;

  exclusive_access(Mutex& m, Wrap w) noexcept : mutex(&m), wrap(w) {}

  template <class Waiter>
  bool acquire_or_enqueue(Waiter& waiter) {
    return mutex->core_.acquire_or_enqueue(waiter);
  }
  template <class Waiter>
  bool withdraw(Waiter& waiter) noexcept {
    return mutex && mutex->core_.withdraw(waiter);
  }
  context_link* link(boost::asio::execution_context& context) {
    return mutex->links_.find_or_create(context, mutex, &Mutex::take_out);
  }
  void take_charge() noexcept { mutex->owner_ = &mutex; }
  result_type deliver() noexcept { return mutex ? wrap(typename Mutex::lock(*mutex, adopt)) : result_type(); }
  void release() noexcept {
    if (mutex) mutex->unlock();
  }
  void forget() noexcept { mutex = nullptr; }

  Mutex* mutex;  // set to null by the mutex's destructor while this is its owner
  [[no_unique_address]] Wrap wrap;
};

}  // namespace holdfast::sync::detail
