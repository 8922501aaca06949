#pragma once
#include <array>
#include <holdfast/sync/mutex.hpp>

namespace holdfast::sync::test {

/// The addresses of the process-wide globals, as seen by the calling translation unit.
inline __attribute__((always_inline)) std::array<void const*, 2> globals_here() {
  return {&detail::links_mutex, &detail::context_service::id};
}

/// The same, as seen by two shared libraries with hidden symbols.
[[gnu::visibility("default")]] std::array<void const*, 2> globals_of_one_library();
[[gnu::visibility("default")]] std::array<void const*, 2> globals_of_another_library();

}  // namespace holdfast::sync::test
