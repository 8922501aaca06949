#include "server/poll_set.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace holdfast::server {
namespace {

// After so many batches the io_context gets its turn, also under full load.
constexpr int batches_per_turn = 4;

int create_set() {
  auto const set = ::epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return set;
}

int control(int set, int what, int descriptor, poll_source& source, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.ptr = &source}};
  return ::epoll_ctl(set, what, descriptor, &event);
}

}  // namespace

poll_set::poll_set(asio::io_context& io) : set_(std::in_place, io, create_set()) {
  wait();
}

bool poll_set::add(int descriptor, poll_source& source, std::uint32_t events) noexcept {
  return control(set_->native_handle(), EPOLL_CTL_ADD, descriptor, source, events) == 0;
}

void poll_set::modify(int descriptor, poll_source& source, std::uint32_t events) noexcept {
  control(set_->native_handle(), EPOLL_CTL_MOD, descriptor, source, events);
}

void poll_set::remove(int descriptor, poll_source const& source) noexcept {
  if (set_) ::epoll_ctl(set_->native_handle(), EPOLL_CTL_DEL, descriptor, nullptr);
  for (auto& event : batch_)
    if (event.data.ptr == &source) event.data.ptr = nullptr;
}

void poll_set::wait() {
  set_->async_wait(asio::posix::descriptor_base::wait_read, [this](error_code error) {
    if (error) return;
    dispatch();
    wait();
  });
}

void poll_set::dispatch() {
  std::array<epoll_event, 128> events;
  for (int turn = 0; turn < batches_per_turn; ++turn) {
    auto const ready = ::epoll_wait(set_->native_handle(), events.data(), static_cast<int>(events.size()), 0);
    if (ready <= 0) return;
    batch_ = std::span(events.data(), static_cast<std::size_t>(ready));
    for (auto& event : batch_)
      if (event.data.ptr != nullptr) static_cast<poll_source*>(event.data.ptr)->on_ready(event.events);
    batch_ = {};
  }
}

}  // namespace holdfast::server
