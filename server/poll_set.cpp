#include "server/poll_set.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace holdfast::server {
namespace {

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

poll_set::poll_set(std::function<void()> after_batch)
    : set_(create_set()), after_batch_(std::move(after_batch)), events_(std::make_unique<epoll_event[]>(batch_max)) {}

poll_set::~poll_set() {
  ::close(set_);
}

bool poll_set::add(int descriptor, poll_source& source, std::uint32_t events) noexcept {
  return control(set_, EPOLL_CTL_ADD, descriptor, source, events) == 0;
}

void poll_set::modify(int descriptor, poll_source& source, std::uint32_t events) noexcept {
  control(set_, EPOLL_CTL_MOD, descriptor, source, events);
}

void poll_set::remove(int descriptor, poll_source const& source) noexcept {
  ::epoll_ctl(set_, EPOLL_CTL_DEL, descriptor, nullptr);
  for (auto& event : batch_)
    if (event.data.ptr == &source) event.data.ptr = nullptr;
}

int poll_set::wait(int timeout_ms) noexcept {
  return ::epoll_wait(set_, events_.get(), batch_max, timeout_ms);
}

void poll_set::dispatch_ready() {
  dispatch(wait(0));
}

void poll_set::dispatch(int ready) {
  batch_ = std::span(events_.get(), static_cast<std::size_t>(std::max(ready, 0)));
  try {
    while (!batch_.empty()) {
      auto const event = batch_.front();
      batch_ = batch_.subspan(1);  // first, so that what throws leaves the rest to the next wait
      if (event.data.ptr != nullptr) static_cast<poll_source*>(event.data.ptr)->on_ready(event.events);
    }
  } catch (...) {
    after_batch_();
    throw;
  }
  after_batch_();
}

}  // namespace holdfast::server
