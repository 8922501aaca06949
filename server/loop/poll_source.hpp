#pragma once

#include <cstdint>

namespace holdfast::server {

/// A descriptor in a loop's epoll set, and what happens when it is ready.
class poll_source {
 public:
  /// `events` as in epoll(7). May remove and destroy any source of the loop, this one too.
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~poll_source() = default;
};

}  // namespace holdfast::server
