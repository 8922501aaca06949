#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>

namespace holdfast::client::load {

/// A level-triggered epoll set with a way to wake its owner. One thread waits; wake() is thread-safe. The load
/// generator uses it instead of an io_context: Asio's sockets re-arm and try every descriptor once more per answer,
/// which is half of this client's cost per request.
class poller {
 public:
  poller();
  ~poller();
  poller(poller const&) = delete;
  poller& operator=(poller const&) = delete;

  /// `token` is returned with the events of `descriptor`; any value but wake_token.
  void add(int descriptor, std::uint32_t events, std::uint32_t token);
  void modify(int descriptor, std::uint32_t events, std::uint32_t token);
  // Closing a descriptor removes it from the set.

  /// Waits until a descriptor is ready, wake() was called or `limit` has passed. Wake-ups are not in the result, which
  /// is valid until the next call.
  std::span<epoll_event const> wait(std::chrono::nanoseconds limit);

  void wake();

 private:
  static constexpr std::uint32_t wake_token = UINT32_MAX;

  int epoll_ = -1;
  int wake_ = -1;
  std::array<epoll_event, 256> ready_;
};

}  // namespace holdfast::client::load
