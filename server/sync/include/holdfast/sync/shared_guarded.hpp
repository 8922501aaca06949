// SPDX-License-Identifier: MIT
#pragma once
#include <holdfast/sync/detail/shared_state.hpp>
#include <type_traits>
#include <utility>

namespace holdfast::sync {

/// A value that many may read or one may write, accessible only under its lock. Otherwise like shared_mutex.
template <class T>
class shared_guarded : public detail::basic_shared<T> {
 public:
  using value_type = T;

  shared_guarded()
    requires std::is_default_constructible_v<T>
  = default;
  explicit shared_guarded(T value) : detail::basic_shared<T>(std::move(value)) {}
  template <class... Args>
    requires std::is_constructible_v<T, Args...>
  explicit shared_guarded(std::in_place_t, Args&&... args) : detail::basic_shared<T>(std::forward<Args>(args)...) {}
};

}  // namespace holdfast::sync
