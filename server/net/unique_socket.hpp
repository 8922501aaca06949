#pragma once

#include <utility>

namespace holdfast::server {

/// Owns a socket's descriptor and closes it.
class unique_socket {
 public:
  explicit unique_socket(int descriptor = -1) noexcept : descriptor_(descriptor) {}
  unique_socket(unique_socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  unique_socket& operator=(unique_socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~unique_socket();

  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace holdfast::server
