#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>

namespace holdfast::client::load {

/// A level-triggered epoll set, and a way to wake its owner. One thread waits; wake() may be called from any.
/// The load generator waits here rather than in an io_context: Asio's sockets arm and try each descriptor once more for
/// each answer, which costs half of what a request costs this client.
class poller {
 public:
  poller();
  ~poller();
  poller(poller const&) = delete;
  poller& operator=(poller const&) = delete;

  /// `token` comes back with the events of `descriptor`; any but wake_token.
  void add(int descriptor, std::uint32_t events, std::uint32_t token);
  void modify(int descriptor, std::uint32_t events, std::uint32_t token);
  // A descriptor leaves the set when it is closed.

  /// Waits until something is ready, wake() was called or `limit` has passed. Wake-ups are taken out of what is
  /// returned, which is valid until the next call.
  std::span<epoll_event const> wait(std::chrono::nanoseconds limit);

  void wake();

 private:
  static constexpr std::uint32_t wake_token = UINT32_MAX;

  int epoll_ = -1;
  int wake_ = -1;
  std::array<epoll_event, 256> ready_;
};

}  // namespace holdfast::client::load
