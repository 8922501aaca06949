#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <optional>
#include <span>

#include "server/asio.hpp"

struct epoll_event;

namespace holdfast::server {

/// A descriptor in a poll_set, and what happens when it is ready.
class poll_source {
 public:
  /// `events` as in epoll(7). May remove and destroy any source of the set, this one too.
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~poll_source() = default;
};

/// A level-triggered epoll set of one thread, itself watched by the thread's io_context, so that timers, posts and
/// coroutines run as ever beside it. Asio's own sockets read first and wait when that fails: for a server whose client
/// speaks only after it was answered that is one system call in four spent on EAGAIN, besides an operation object, a
/// trip through the scheduler and a buffer for each connection that idles. Here a descriptor is touched when there is
/// something to read, and what reads it can use one buffer for all. One thread.
class poll_set {
 public:
  explicit poll_set(asio::io_context& io);
  poll_set(poll_set const&) = delete;
  poll_set& operator=(poll_set const&) = delete;

  /// @return false where the system has no room for one more.
  [[nodiscard]] bool add(int descriptor, poll_source& source, std::uint32_t events) noexcept;
  void modify(int descriptor, poll_source& source, std::uint32_t events) noexcept;

  /// Must come before the descriptor is closed. What is already on its way to the source is dropped.
  void remove(int descriptor, poll_source const& source) noexcept;

  /// Ends the watch; must come before the io_context goes. Sources may still leave after it.
  void stop() { set_.reset(); }

 private:
  void wait();
  void dispatch();

  std::optional<asio::posix::basic_stream_descriptor<executor_type>> set_;
  std::span<epoll_event> batch_;  // events being handed out
};

}  // namespace holdfast::server
