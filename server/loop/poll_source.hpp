#pragma once

#include <cstdint>

namespace holdfast::server {

/// Handles the events of one descriptor in a loop's epoll set.
class poll_source {
 public:
  /// `events` are those of epoll(7). May remove and destroy any source of the loop, including this one.
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~poll_source() = default;
};

}  // namespace holdfast::server
