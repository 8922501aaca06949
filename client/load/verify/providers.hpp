#pragma once

#include <span>
#include <vector>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

/// What an answer shows of the moment before its operation took effect.
enum class premise : std::uint8_t {
  none,
  value,       ///< the key had the value that was read
  some_value,  ///< it had some value
  no_value,    ///< it had none
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

/// Finds writes that can have been the last before an operation and so made its premise true: they began before it was
/// over, and no other write lies wholly between.
class providers {
 public:
  /// @param candidates writes that may have been the last; others are passed over.
  /// @param between operations whose writes may lie between. Both by invocation.
  providers(std::span<operation const> candidates, std::span<operation const> between);

  /// Whether some candidate can have made the premise of `one` true. Premises of values are left to the caller, who
  /// knows the one put that wrote it. An operation may count as its own provider.
  [[nodiscard]] bool any_for(operation const& one) const;
  /// Whether what was before the first operation may have lasted until `one`.
  [[nodiscard]] bool may_be_first(operation const& one) const { return last_write_before(one) == before_all; }

 private:
  /// Of writes in order, until when one of the first so and so many can have taken effect.
  struct reach {
    std::vector<instant> invoked, until;
    void add(operation const& write);
    [[nodiscard]] bool any(instant invoked_until, instant responded_from) const;
  };
  /// When the write began that was over before `one` began, the last of such to begin.
  [[nodiscard]] instant last_write_before(operation const& one) const;

  reach puts_, deletes_;
  std::vector<instant> responded_, last_invoked_;  // of the writes that may lie between, by response
};

/// Whether an answer shows that the key was absent, or was not, when it can't have been so.
[[nodiscard]] bool any_without_provider(history const& whole);

}  // namespace holdfast::client::verify
