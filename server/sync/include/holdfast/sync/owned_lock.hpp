// SPDX-License-Identifier: MIT
#pragma once
#include <holdfast/sync/detail/insider.hpp>
#include <memory>
#include <utility>

namespace holdfast::sync {

/// A lock that keeps its mutex alive, for a mutex with shared ownership. Otherwise like the lock that it contains.
template <class Lockable, class Lock = typename Lockable::lock>
class [[nodiscard]] owned_lock {
 public:
  owned_lock() noexcept = default;
  /// `lock` must be a lock of `owner`.
  owned_lock(std::shared_ptr<Lockable> owner, Lock lock) noexcept : owner_(std::move(owner)), lock_(std::move(lock)) {}
  owned_lock(owned_lock&&) noexcept = default;
  owned_lock& operator=(owned_lock&& other) noexcept {
    lock_ = std::move(other.lock_);  // releases the old lock before its owner may be destroyed
    owner_ = std::move(other.owner_);
    return *this;
  }

  bool owns_lock() const noexcept { return lock_.owns_lock(); }
  explicit operator bool() const noexcept { return owns_lock(); }

  /// The value, if there is one; see guarded_lock.
  decltype(auto) operator*() const& noexcept { return *lock_; }
  decltype(auto) operator*() const&& { return *std::move(lock_); }
  auto operator->() const noexcept { return lock_.operator->(); }

  /// The contained lock, for condition variables.
  Lock& lock() noexcept { return lock_; }
  std::shared_ptr<Lockable> const& owner() const noexcept { return owner_; }

  /// Releases the lock early. It must own.
  void unlock() noexcept {
    lock_.unlock();
    owner_.reset();
  }

 private:
  std::shared_ptr<Lockable> owner_;
  Lock lock_;  // after the owner, so released first
};

namespace detail {

/// An access that keeps the mutex alive.
template <class Base, class Lockable>
struct owned_access : Base {
  using result_type = owned_lock<Lockable, typename Base::result_type>;

  owned_access(Base const& base, std::shared_ptr<Lockable> o) noexcept : Base(base), owner(std::move(o)) {}
  result_type deliver() noexcept {
    auto lock = Base::deliver();
    return lock ? result_type(owner, std::move(lock)) : result_type();
  }
  std::shared_ptr<Lockable> owner;
};

template <class Token, class Access, class Lockable>
auto start_owned(Token&& token, Access const& access, std::shared_ptr<Lockable> owner) {
  using owned = owned_access<Access, Lockable>;
  return start_with(std::forward<Token>(token),
                    wait_initiation<owned, no_deadline>(owned(access, std::move(owner)), {}, {}));
}

}  // namespace detail

/// Like owner->try_lock(), owner->async_lock() and owner->async_lock_shared(), for an owned_lock. A waiter also keeps
/// the mutex alive.
template <class Lockable>
[[nodiscard]] owned_lock<Lockable> try_lock_owned(std::shared_ptr<Lockable> owner) noexcept {
  auto lock = owner->try_lock();
  return lock ? owned_lock<Lockable>(std::move(owner), std::move(lock)) : owned_lock<Lockable>();
}
template <class Lockable, class CompletionToken = default_token>
auto async_lock_owned(std::shared_ptr<Lockable> owner, CompletionToken&& token = {}) {
  auto const access = detail::insider::access(*owner);
  return detail::start_owned(std::forward<CompletionToken>(token), access, std::move(owner));
}
template <class Lockable, class CompletionToken = default_token>
auto async_lock_shared_owned(std::shared_ptr<Lockable> owner, CompletionToken&& token = {}) {
  auto const access = detail::insider::access_shared(*owner);
  return detail::start_owned(std::forward<CompletionToken>(token), access, std::move(owner));
}

}  // namespace holdfast::sync
