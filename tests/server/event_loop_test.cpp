#include "server/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <ctime>
#include <functional>
#include <stdexcept>
#include <thread>

#include "server/asio_sleep.hpp"

namespace holdfast::server {
namespace {

using namespace std::literals;

/// A descriptor that any thread can make ready, and what is to happen then.
class bell final : public poll_source {
 public:
  explicit bell(poll_set& polls) : polls_(polls) { EXPECT_TRUE(polls_.add(descriptor_, *this, EPOLLIN)); }
  ~bell() {
    polls_.remove(descriptor_, *this);
    ::close(descriptor_);
  }
  bell(bell const&) = delete;
  bell& operator=(bell const&) = delete;

  void ring() const { EXPECT_EQ(::eventfd_write(descriptor_, 1), 0); }

  std::function<void()> on_ring;

 private:
  void on_ready(std::uint32_t) override {
    eventfd_t value = 0;
    ::eventfd_read(descriptor_, &value);
    on_ring();
  }

  poll_set& polls_;
  int const descriptor_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
};

std::chrono::nanoseconds cpu_time_of_this_thread() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// Each of the ways to run an io_context and a poll_set together.
class event_loop : public testing::TestWithParam<void (*)(asio::io_context&, poll_set&)> {
 protected:
  void run() { GetParam()(io, polls); }

  asio::io_context io{1};
  asio::executor_work_guard<executor_type> work{io.get_executor()};
  int batches = 0;
  poll_set polls{[this] { ++batches; }};
};

TEST_P(event_loop, runs_handlers_posted_before_it) {
  asio::post(io, [&] { io.stop(); });
  run();
}

TEST_P(event_loop, tells_a_source_that_is_ready) {
  bell one(polls);
  one.on_ring = [&] { io.stop(); };
  one.ring();
  run();
}

TEST_P(event_loop, ends_a_batch_when_all_of_it_have_been_told) {
  bell one(polls), other(polls);
  int told = 0;
  one.on_ring = other.on_ring = [&] {
    EXPECT_EQ(batches, 0);
    if (++told == 2) asio::post(io, [&] { io.stop(); });
  };
  one.ring();
  other.ring();
  run();
  EXPECT_GE(batches, 1);
}

TEST_P(event_loop, ends_the_batch_of_a_source_that_throws) {
  bell one(polls);
  one.on_ring = [] { throw std::runtime_error("no memory, say"); };
  one.ring();
  EXPECT_THROW(run(), std::runtime_error);
  EXPECT_EQ(batches, 1) << "what was answered before must not wait for somebody to ask";
}

TEST_P(event_loop, runs_what_a_source_posts) {
  bell one(polls);
  one.on_ring = [&] { asio::post(io, [&] { asio::post(io, [&] { io.stop(); }); }); };
  one.ring();
  run();
}

TEST_P(event_loop, runs_at_once_what_a_source_dispatches) {
  bell one(polls);
  bool ran = false;
  one.on_ring = [&] {
    asio::dispatch(io, [&] { ran = true; });
    EXPECT_TRUE(ran);
    io.stop();
  };
  one.ring();
  run();
  EXPECT_TRUE(ran);
}

TEST_P(event_loop, a_timer_ends_its_sleep) {
  steady_timer timer(io, 5ms);
  timer.async_wait([&](error_code) { io.stop(); });
  run();
}

TEST_P(event_loop, a_timer_that_a_source_cancels_is_told) {
  bell one(polls);
  steady_timer timer(io, 1h);
  error_code told;
  timer.async_wait([&](error_code error) {
    told = error;
    io.stop();
  });
  one.on_ring = [&] { timer.cancel(); };
  one.ring();
  run();
  EXPECT_EQ(told, asio::error::operation_aborted);
}

// The loop and the other thread answer each other, so that each message meets the loop asleep, or about to be.
TEST_P(event_loop, every_post_and_every_event_of_another_thread_wakes_it) {
  constexpr int rounds = 5'000;
  bell one(polls);
  std::atomic<int> answers{0};
  one.on_ring = [&] {
    ++answers;
    answers.notify_one();
  };
  std::jthread const other([&] {
    for (int sent = 0; sent < rounds; ++sent) {
      if (sent % 2 == 0) {
        one.ring();
      } else {
        asio::post(io, [&] { one.on_ring(); });
      }
      answers.wait(sent);
    }
    io.stop();
  });
  run();
  EXPECT_EQ(answers, rounds);
}

TEST_P(event_loop, goes_on_after_what_a_handler_or_a_source_throws) {
  bell one(polls);
  one.on_ring = [] { throw std::runtime_error("source"); };
  one.ring();
  asio::post(io, [] { throw std::runtime_error("handler"); });
  EXPECT_THROW(run(), std::runtime_error);
  EXPECT_THROW(run(), std::runtime_error);
  asio::post(io, [&] { io.stop(); });
  run();
}

TEST_P(event_loop, ends_at_once_when_it_was_stopped_before) {
  io.stop();
  run();
}

// Asio counts work that is posted within a handler only when that handler has returned.
TEST_P(event_loop, never_takes_a_busy_context_for_one_without_work) {
  bell one(polls);
  int runs = 0;
  one.on_ring = [&] {
    for (int i = 0; i < 3; ++i) asio::post(io, [&] { ++runs; });
    if (runs >= 9) return io.stop();
    one.ring();
  };
  steady_timer keeps_it_busy(io, 1h);
  keeps_it_busy.async_wait([](error_code) {});
  work.reset();
  one.ring();
  run();
  EXPECT_GE(runs, 9);
}

TEST_P(event_loop, sleeps_while_there_is_nothing_to_do) {
  std::jthread const other([&] {
    std::this_thread::sleep_for(100ms);
    io.stop();
  });
  auto const before = cpu_time_of_this_thread();
  run();
  EXPECT_LT(cpu_time_of_this_thread() - before, 30ms);
}

INSTANTIATE_TEST_SUITE_P(within_asio, event_loop, testing::Values(run_within_asio));
#if HOLDFAST_HAS_ASIO_SLEEP
INSTANTIATE_TEST_SUITE_P(around_asio, event_loop, testing::Values(run_around_asio));
#endif

}  // namespace
}  // namespace holdfast::server
