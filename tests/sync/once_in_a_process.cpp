#include "tests/sync/once_in_a_process.hpp"

// Compiled into two shared libraries, each with its own name for this function.
std::array<void const*, 2> holdfast::sync::test::GLOBALS_OF_THIS_LIBRARY() {
  return globals_here();
}
