#include "server/event_loop.hpp"

#include <sys/epoll.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <system_error>

#include "server/asio_sleep.hpp"

namespace holdfast::server {
namespace {

/// The set as a descriptor of the io_context.
class set_watch {
 public:
  set_watch(asio::io_context& io, poll_set& polls) : polls_(polls), descriptor_(io, polls.native_handle()) { wait(); }
  ~set_watch() { descriptor_.release(); }
  set_watch(set_watch const&) = delete;
  set_watch& operator=(set_watch const&) = delete;

 private:
  void wait() {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read, [this](error_code error) {
      if (error) return;
      wait();
      polls_.dispatch_ready();
    });
  }

  poll_set& polls_;
  asio::posix::basic_stream_descriptor<executor_type> descriptor_;
};

}  // namespace

void run_within_asio(asio::io_context& io, poll_set& polls) {
  set_watch const watch(io, polls);
  io.run();
}

#if HOLDFAST_HAS_ASIO_SLEEP
namespace {

/// The io_context as a source in the set.
class asio_source final : private poll_source {
 public:
  asio_source(poll_set& polls, int descriptor) : polls_(polls), descriptor_(descriptor) {
    if (!polls_.add(descriptor_, *this, EPOLLIN)) throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
  ~asio_source() { polls_.remove(descriptor_, *this); }
  asio_source(asio_source const&) = delete;
  asio_source& operator=(asio_source const&) = delete;

  /// Whether it was ready since the last call.
  [[nodiscard]] bool take_ready() noexcept { return std::exchange(ready_, false); }

 private:
  void on_ready(std::uint32_t) override { ready_ = true; }

  poll_set& polls_;
  int descriptor_;
  bool ready_ = false;
};

void sleep_and_dispatch(asio::io_context& io, poll_set& polls) {
  asio_sleep sleep(io);
  asio_source asio_events(polls, sleep.descriptor());
  for (;;) {
    if (sleep.begin()) {
      polls.wait_and_dispatch([&] { sleep.end(); });
      if (!asio_events.take_ready()) continue;
    } else {
      polls.dispatch_ready();
    }
    sleep.before_poll();
    io.poll();
    if (io.stopped()) return;
  }
}

}  // namespace

void run_around_asio(asio::io_context& io, poll_set& polls) {
  // As one handler of the io_context, so that all that runs in it is where handlers are: dispatch() calls at once,
  // posts need no mutex, and memory is recycled.
  asio::post(io, [&] { sleep_and_dispatch(io, polls); });
  io.run();
}

#endif

void run_together(asio::io_context& io, poll_set& polls) {
#if HOLDFAST_HAS_ASIO_SLEEP
  run_around_asio(io, polls);
#else
  run_within_asio(io, polls);
#endif
}

}  // namespace holdfast::server
