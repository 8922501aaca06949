#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

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

/// A level-triggered epoll set of one thread. Asio's own sockets read first and wait when that fails: for a server
/// whose client speaks only after it was answered that is one system call in four spent on EAGAIN, besides an operation
/// object, a trip through the scheduler and a buffer for each connection that idles. Here a descriptor is touched when
/// there is something to read, and what reads it can use one buffer for all. One thread.
class poll_set {
 public:
  /// @param after_batch called when a batch has been told, also where a source has thrown.
  explicit poll_set(std::function<void()> after_batch = [] {});
  ~poll_set();
  poll_set(poll_set const&) = delete;
  poll_set& operator=(poll_set const&) = delete;

  /// @return false where the system has no room for one more.
  [[nodiscard]] bool add(int descriptor, poll_source& source, std::uint32_t events) noexcept;
  void modify(int descriptor, poll_source& source, std::uint32_t events) noexcept;

  /// Must come before the descriptor is closed. What is already on its way to the source is dropped.
  void remove(int descriptor, poll_source const& source) noexcept;

  /// Tells what is ready, a batch at most.
  void dispatch_ready();

  /// Waits until something is ready, tells it, a batch at most. `awake` is called between the two.
  template <class Awake>
  void wait_and_dispatch(Awake awake) {
    auto const ready = wait(-1);
    awake();
    dispatch(ready);
  }

  /// Readable while something in the set is ready.
  [[nodiscard]] int native_handle() const noexcept { return set_; }

 private:
  [[nodiscard]] int wait(int timeout_ms) noexcept;
  void dispatch(int ready);

  int const set_;
  std::function<void()> const after_batch_;
  static constexpr int batch_max = 128;
  std::unique_ptr<epoll_event[]> events_;
  std::span<epoll_event> batch_;  // events being handed out
};

}  // namespace holdfast::server
