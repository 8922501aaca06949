#include "client/load/poller.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace holdfast::client::load {
namespace {

int require(int result, char const* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

}  // namespace

poller::poller()
    : epoll_(require(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(require(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  add(wake_, EPOLLIN, wake_token);
}

poller::~poller() {
  ::close(wake_);
  ::close(epoll_);
}

void poller::add(int descriptor, std::uint32_t events, std::uint32_t token) {
  epoll_event event{};
  event.events = events;
  event.data.u32 = token;
  require(::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
}

void poller::modify(int descriptor, std::uint32_t events, std::uint32_t token) {
  epoll_event event{};
  event.events = events;
  event.data.u32 = token;
  require(::epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event), "epoll_ctl");
}

std::span<epoll_event const> poller::wait(std::chrono::nanoseconds limit) {
  auto const ns = std::max<std::int64_t>(limit.count(), 0);
  timespec const time{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  auto const count = ::epoll_pwait2(epoll_, ready_.data(), static_cast<int>(ready_.size()), &time, nullptr);
  if (count < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_pwait2");
    return {};
  }
  auto end = ready_.begin() + count;
  auto const woken = std::find_if(ready_.begin(), end, [](auto const& event) { return event.data.u32 == wake_token; });
  if (woken != end) {
    std::uint64_t value = 0;
    [[maybe_unused]] auto const got = ::read(wake_, &value, sizeof value);
    *woken = *--end;
  }
  return {ready_.begin(), end};
}

void poller::wake() {
  std::uint64_t const one = 1;
  [[maybe_unused]] auto const sent = ::write(wake_, &one, sizeof one);
}

}  // namespace holdfast::client::load
