#include "server/loop/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace holdfast::server {
namespace {

bool control(unique_descriptor const& set, int what, int descriptor, poll_source* source,
             std::uint32_t events) noexcept {
  epoll_event event{.events = events, .data = {.ptr = source}};
  return ::epoll_ctl(set.get(), what, descriptor, &event) == 0;
}

}  // namespace

/// Marks the loop as run by this thread during its lifetime.
class event_loop::running {
 public:
  explicit running(event_loop& loop) noexcept : loop_(loop) {
    assert(loop.runner_ == nullptr);
    loop.runner_.store(&this_thread, std::memory_order_relaxed);
  }
  ~running() { loop_.runner_.store(nullptr, std::memory_order_relaxed); }
  running(running const&) = delete;
  running& operator=(running const&) = delete;

 private:
  event_loop& loop_;
};

event_loop::event_loop(std::function<void()> on_batch_end)
    : on_batch_end_(std::move(on_batch_end)),
      set_(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"),
      bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"),
      events_(std::make_unique<epoll_event[]>(descriptors_per_turn)) {
  if (!control(set_, EPOLL_CTL_ADD, bell_.get(), nullptr, EPOLLIN | EPOLLET) ||
      !control(set_, EPOLL_CTL_ADD, timers_.native_handle(), &timers_.source(), EPOLLIN | EPOLLET))
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

event_loop::~event_loop() {
  shut_down();
  destroy();
  shut_down();  // the services' destructors may have posted
}

void event_loop::shut_down() noexcept {
  assert(runner_ == nullptr);
  shutdown();
  for (;;) {
    inbox_.take_all(posted_);
    if (auto* const one = posted_.pop()) {
      one->finish(false);
    } else if (!timers_.end_one()) {
      return;
    }
  }
}

void event_loop::run() {
  running const here(*this);
  while (!is_stopped_.load(std::memory_order_acquire)) run_turn(true);
  is_stopped_.store(false, std::memory_order_relaxed);
}

bool event_loop::run_one_turn() {
  running const here(*this);
  return run_turn(false);
}

void event_loop::stop() noexcept {
  is_stopped_.store(true, std::memory_order_release);
  if (!runs_here()) wake();
}

bool event_loop::run_turn(bool may_sleep) {
  // The next phase is set before the current one begins, so that after an exception the turn continues with the next
  // phase and a handler that always throws delays nobody else. Timers come before posts: a coroutine woken by a timer
  // may release a lock, and its next owner is then posted in the same turn.
  for (;;) {
    switch (phase_) {
      case phase::descriptors:
        phase_ = phase::batch_end;
        did_something_ = false;
        poll_descriptors(may_sleep);
        break;
      case phase::batch_end:
        phase_ = phase::timers;
        if (did_something_ && on_batch_end_) on_batch_end_();
        rethrow_failure();
        break;
      case phase::timers:
        phase_ = phase::posts;
        call_timers();
        break;
      case phase::posts:
        phase_ = phase::end;
        run_posts();
        break;
      case phase::end:
        phase_ = phase::descriptors;
        return did_something_;
    }
  }
}

void event_loop::poll_descriptors(bool may_sleep) {
  // After an exception, the rest of the previous batch comes first.
  if (batch_.empty()) {
    bool const sleeps = may_sleep && posted_.empty() && !timers_.must_look() && inbox_.begin_sleep();
    auto const ready = ::epoll_wait(set_.get(), events_.get(), descriptors_per_turn, sleeps ? -1 : 0);
    inbox_.take_all(posted_);  // also ends the sleep
    batch_ = std::span(events_.get(), static_cast<std::size_t>(std::max(ready, 0)));
  }
  while (!batch_.empty()) {
    auto const event = batch_.front();
    batch_ = batch_.subspan(1);
    if (event.data.ptr == nullptr) continue;  // the bell, or a removed source
    did_something_ = true;
    static_cast<poll_source*>(event.data.ptr)->on_ready(event.events);
    rethrow_failure();
  }
}

void event_loop::call_timers() {
  if (!timers_.must_look()) return;
  bool const before = std::exchange(did_something_, true);  // stays true if a timer throws
  if (timers_.call_due(timers_per_turn) == 0) did_something_ = before;
  rethrow_failure();
}

void event_loop::run_posts() {
  for (int left = posts_per_turn; left != 0; --left) {
    auto* const one = posted_.pop();
    if (one == nullptr) return;
    did_something_ = true;
    one->finish(true);
    rethrow_failure();
  }
}

void event_loop::wake() noexcept {
  ::eventfd_write(bell_.get(), 1);
}

void event_loop::post(loop_operation& one) noexcept {
  if (runs_here()) {
    posted_.push(one);
  } else if (inbox_.push(one)) {
    wake();
  }
}

void event_loop::throw_later(std::exception_ptr exception) noexcept {
  if (!failure_) failure_ = std::move(exception);
}

void event_loop::rethrow_failure() {
  if (failure_) [[unlikely]]
    std::rethrow_exception(std::exchange(failure_, nullptr));
}

bool event_loop::add(int descriptor, poll_source& source, std::uint32_t events) noexcept {
  assert(may_be_used_here());
  return control(set_, EPOLL_CTL_ADD, descriptor, &source, events);
}

void event_loop::modify(int descriptor, poll_source& source, std::uint32_t events) noexcept {
  assert(may_be_used_here());
  control(set_, EPOLL_CTL_MOD, descriptor, &source, events);
}

void event_loop::remove(int descriptor, poll_source const& source) noexcept {
  assert(may_be_used_here());
  control(set_, EPOLL_CTL_DEL, descriptor, nullptr, 0);
  for (auto& event : batch_)
    if (event.data.ptr == &source) event.data.ptr = nullptr;
}

}  // namespace holdfast::server
