// SPDX-License-Identifier: MIT
#pragma once
#include <cassert>
#include <concepts>
#include <cstddef>
#include <holdfast/sync/detail/asio.hpp>
#include <tuple>
#include <type_traits>
#include <utility>

namespace holdfast::sync {

namespace detail {

template <class T>
concept lockable = requires(T& t) {
  typename T::lock;
  { t.try_lock() } -> std::same_as<typename T::lock>;
};

/// One async_lock_all(). Like std::lock(), it waits for one mutex while it owns none, and then tries the others; if one
/// fails, it releases all and waits for that one. A waiter owns nothing, so there is no deadlock.
template <class... Mutexes>
class lock_all {
  using locks = std::tuple<typename Mutexes::lock...>;
  static constexpr std::size_t count = sizeof...(Mutexes);
  static constexpr auto all = std::index_sequence_for<Mutexes...>();

 public:
  explicit lock_all(Mutexes&... mutexes) : mutexes_(&mutexes...) {}

  template <class Self>
  void operator()(Self& self) {
    if (is_done_) return self.complete(error_code(), std::move(locks_));
    self.reset_cancellation_state(asio::enable_total_cancellation());
    if (!try_others(count, all)) return wait(self, all);
    is_done_ = true;
    asio::post(std::move(self));  // never complete inside the initiating function
  }
  template <class Self, class Lock>
  void operator()(Self& self, error_code error, Lock lock) {
    if (error) return self.complete(error, locks());
    put(std::move(lock), all);
    if (try_others(next_, all)) return self.complete(error_code(), std::move(locks_));
    if (self.get_cancellation_state().cancelled() != asio::cancellation_type::none) {
      return self.complete(asio::error::operation_aborted, locks());
    }
    wait(self, all);
  }

 private:
  /// Tries to lock all but number `but`. False: number next_ was not available, and everything is unlocked again.
  template <std::size_t... I>
  bool try_others(std::size_t but, std::index_sequence<I...>) {
    bool const got_all = ((I == but || try_one<I>()) && ...);
    if (!got_all) locks_ = locks();
    return got_all;
  }
  template <std::size_t i>
  bool try_one() {
    std::get<i>(locks_) = std::get<i>(mutexes_)->try_lock();
    if (!std::get<i>(locks_)) next_ = i;
    return std::get<i>(locks_).owns_lock();
  }
  template <class Lock, std::size_t... I>
  void put(Lock lock, std::index_sequence<I...>) {
    (put_one<I>(lock), ...);
  }
  template <std::size_t i, class Lock>
  void put_one(Lock& lock) {
    if constexpr (std::is_same_v<Lock, std::tuple_element_t<i, locks>>) {
      if (i == next_) std::get<i>(locks_) = std::move(lock);
    }
  }
  template <class Self, std::size_t... I>
  void wait(Self& self, std::index_sequence<I...>) {
    auto const mutexes = mutexes_;  // before this object moves into the operation
    auto const next = next_;
    (void)((I == next && (std::get<I>(mutexes)->async_lock(std::move(self)), true)) || ...);
  }

  std::tuple<Mutexes*...> mutexes_;
  locks locks_;
  std::size_t next_ = 0;
  bool is_done_ = false;
};

template <class Token, class... Mutexes>
auto start_lock_all(Token& token, Mutexes&... mutexes) {
  static_assert(sizeof...(Mutexes) > 0, "nothing to lock");
  return asio::async_compose<Token, void(error_code, std::tuple<typename Mutexes::lock...>)>(
      lock_all<Mutexes...>(mutexes...), token);
}

template <class Arguments, std::size_t... I>
auto start_lock_all_with_token(Arguments arguments, std::index_sequence<I...>) {
  auto& token = std::get<sizeof...(I)>(arguments);
  return start_lock_all<std::remove_reference_t<decltype(token)>>(token, std::get<I>(arguments)...);
}

}  // namespace detail

/// Locks several mutexes without deadlock, regardless of the order in which others lock them:
///
///     auto [a, b] = co_await async_lock_all(first, second);
///     async_lock_all(first, second, token);
///
/// Accepts mutex, guarded, shared_mutex and shared_guarded in any combination, each at most once, and completes with
/// `void(error_code, std::tuple<locks...>)`. Errors: operation_aborted. The algorithm is that of std::lock(): a waiter
/// owns none of them. So it is fair for the mutex that it waits for; for the others it may be overtaken.
template <class... Arguments>
auto async_lock_all(Arguments&&... arguments) {
  if constexpr ((detail::lockable<std::remove_reference_t<Arguments>> && ...)) {
    default_token token;
    return detail::start_lock_all(token, arguments...);
  } else {
    return detail::start_lock_all_with_token(std::tuple<Arguments&...>(arguments...),
                                             std::make_index_sequence<sizeof...(Arguments) - 1>());
  }
}

}  // namespace holdfast::sync
