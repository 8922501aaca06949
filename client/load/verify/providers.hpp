#pragma once

#include <span>
#include <vector>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

/// What an answer shows about the state just before its operation took effect.
enum class premise : std::uint8_t {
  none,
  value,       ///< the key had the value that was read
  some_value,  ///< the key had some value
  no_value,    ///< the key had no value
};

[[nodiscard]] constexpr premise premise_of(operation const& one) noexcept {
  switch (one.what) {
    case action::read:
      return one.value == absent ? premise::no_value : premise::value;
    case action::create:
      return premise::no_value;
    case action::replace:
    case action::remove:
      return premise::some_value;
    default:
      return premise::none;
  }
}

/// Finds writes that can have been the last one before an operation and so made its premise true: they began before the
/// operation ended, and no other write lies entirely in between.
class providers {
 public:
  /// @param candidates writes that may have been the last; other operations are ignored.
  /// @param between operations whose writes may lie in between. Both sorted by invocation.
  providers(std::span<operation const> candidates, std::span<operation const> between);

  /// True if some candidate can have made the premise of `one` true. Premises of specific values are left to the
  /// caller, which knows the one put that wrote the value. An operation may count as its own provider.
  [[nodiscard]] bool any_for(operation const& one) const;
  /// True if the state before the first operation may have lasted until `one`.
  [[nodiscard]] bool may_be_first(operation const& one) const { return last_write_before(one) == before_all; }

 private:
  /// For every prefix of the ordered writes: the latest instant at which one of them can have taken effect.
  struct reach {
    std::vector<instant> invoked, until;
    void add(operation const& write);
    [[nodiscard]] bool any(instant invoked_until, instant responded_from) const;
  };
  /// The latest start of the writes that ended before `one` began.
  [[nodiscard]] instant last_write_before(operation const& one) const;

  reach puts_, deletes_;
  std::vector<instant> responded_, last_invoked_;  // of the writes that may lie in between, sorted by response
};

/// True if an answer shows that the key was absent, or present, when that is impossible.
[[nodiscard]] bool any_without_provider(history const& whole);

}  // namespace holdfast::client::verify
