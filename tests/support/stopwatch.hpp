#pragma once

#include <chrono>

namespace holdfast::tests {

/// Measures time from its construction.
class stopwatch {
 public:
  [[nodiscard]] double elapsed_ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started_at_).count();
  }

 private:
  std::chrono::steady_clock::time_point started_at_ = std::chrono::steady_clock::now();
};

}  // namespace holdfast::tests
