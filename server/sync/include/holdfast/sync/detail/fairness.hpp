#pragma once

namespace holdfast::sync::detail {

/// How often in a row a thread's coroutines may go on without suspending because they find the lock free. Such a
/// coroutine otherwise keeps its thread for itself, and its neighbours never get to ask for the lock. After so many the
/// next one that finds the lock free lets its executor run everything that is ready, and asks only then; so it neither
/// holds the lock meanwhile nor makes others queue; those who ask meanwhile come before it. The executor's turn costs
/// about a post, shared by so many grants.
inline constexpr unsigned grants_without_suspension_max = 128;

inline constinit thread_local unsigned grants_without_suspension = 0;

/// True: go on. False: let the executor run the others first.
inline bool may_go_on() noexcept {
  if (++grants_without_suspension <= grants_without_suspension_max) return true;
  grants_without_suspension = 0;
  return false;
}

/// A coroutine was suspended and is resumed: its thread's executor has had its turn.
inline void has_been_suspended() noexcept {
  grants_without_suspension = 0;
}

}  // namespace holdfast::sync::detail
