#pragma once

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace holdfast::server {

/// Owns a descriptor and closes it.
class unique_descriptor {
 public:
  /// @param descriptor the return value of the system call named `call`. @throws std::system_error if it is negative.
  unique_descriptor(int descriptor, char const* call) : descriptor_(descriptor) {
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), call);
  }
  unique_descriptor(unique_descriptor const&) = delete;
  unique_descriptor& operator=(unique_descriptor const&) = delete;
  ~unique_descriptor() { ::close(descriptor_); }

  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int const descriptor_;
};

}  // namespace holdfast::server
