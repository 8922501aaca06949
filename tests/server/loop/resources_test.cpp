#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <filesystem>
#include <holdfast/sync/mutex.hpp>
#include <iterator>
#include <memory>
#include <optional>

#include "server/loop/deadline.hpp"
#include "server/loop/event_loop.hpp"
#include "server/loop/signal_source.hpp"
#include "server/loop/timer.hpp"

namespace holdfast::server {
namespace {

using namespace std::literals;

std::ptrdiff_t entries_of(char const* folder) {
  return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
}
std::ptrdiff_t threads() {
  return entries_of("/proc/self/task");
}
std::ptrdiff_t descriptors() {
  return entries_of("/proc/self/fd");
}

struct silent final : deadline {
  using deadline::deadline;
  void on_deadline() override {}
};

// Asio's own timers and signal sets, on a context that isn't Asio's, start a thread that runs a reactor.
TEST(resources, nothing_starts_a_thread_or_keeps_a_descriptor) {
  using token = asio::use_awaitable_t<loop_executor>;
  auto const threads_before = threads(), descriptors_before = descriptors();
  {
    event_loop loop;
    EXPECT_EQ(descriptors(), descriptors_before + 3);
    sync::mutex mutex;
    auto held = std::make_optional(mutex.try_lock());
    auto does_it_all = [&]() -> asio::awaitable<void, loop_executor> {
      co_await asio::post(token{});
      timer pause(co_await asio::this_coro::executor, 1ms);
      co_await pause.async_wait(token{});
      asio::post(loop, [&] { held.reset(); });
      auto const lock = co_await mutex.async_lock(token{});
      loop.stop();
    };
    asio::co_spawn(loop, does_it_all(), asio::detached);
    silent limit(loop);
    limit.arm(loop.now() + 1h);
    sigset_t mask{};
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    signal_source const signals(loop, {SIGHUP}, [](int) {});
    loop.run();
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    EXPECT_EQ(threads(), threads_before);
    EXPECT_EQ(descriptors(), descriptors_before + 4);
  }
  EXPECT_EQ(threads(), threads_before);
  EXPECT_EQ(descriptors(), descriptors_before);
}

}  // namespace
}  // namespace holdfast::server
