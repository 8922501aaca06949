#pragma once

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <functional>
#include <utility>

#include "server/loop/event_loop.hpp"

namespace holdfast::server {

/// A descriptor that any thread can make ready, and its handler.
class bell final : private poll_source {
 public:
  explicit bell(event_loop& loop, std::function<void()> then = [] {}) : on_ring(std::move(then)), loop_(loop) {
    EXPECT_TRUE(loop_.add(descriptor_, *this, EPOLLIN));
  }
  ~bell() {
    loop_.remove(descriptor_, *this);
    ::close(descriptor_);
  }
  bell(bell const&) = delete;
  bell& operator=(bell const&) = delete;

  void ring() const { EXPECT_EQ(::eventfd_write(descriptor_, 1), 0); }
  void want(std::uint32_t events) { loop_.modify(descriptor_, *this, events); }

  std::function<void()> on_ring;
  bool stays_ready = false;
  int rings = 0;

 private:
  void on_ready(std::uint32_t) override {
    ++rings;
    eventfd_t value = 0;
    if (!stays_ready) ::eventfd_read(descriptor_, &value);
    on_ring();
  }

  event_loop& loop_;
  int const descriptor_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
};

}  // namespace holdfast::server
