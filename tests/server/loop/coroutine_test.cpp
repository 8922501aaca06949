#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/mutex.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "server/loop/event_loop.hpp"
#include "server/loop/timer.hpp"
#include "tests/server/loop/bell.hpp"

namespace holdfast::server {
namespace {

using namespace std::literals;
using boost::system::error_code;

template <class T = void>
using awaitable = asio::awaitable<T, loop_executor>;
using use_awaitable_t = asio::use_awaitable_t<loop_executor>;
constexpr auto as_values = asio::as_tuple(use_awaitable_t{});

/// Rethrows a coroutine's exception out of event_loop::run().
constexpr auto or_throw = [](std::exception_ptr const& error) {
  if (error) std::rethrow_exception(error);
};

TEST(coroutine, posts_sleeps_and_returns_on_the_loop) {
  event_loop loop;
  int got = 0;
  auto inner = [&]() -> awaitable<int> {
    timer pause(co_await asio::this_coro::executor, 1ms);
    co_await pause.async_wait(use_awaitable_t{});
    EXPECT_TRUE(loop.runs_here());
    co_return 7;
  };
  auto outer = [&]() -> awaitable<> {
    co_await asio::post(use_awaitable_t{});
    got = co_await inner();
    loop.stop();
  };
  asio::co_spawn(loop, outer(), or_throw);
  loop.run();
  EXPECT_EQ(got, 7);
}

TEST(coroutine, what_it_throws_reaches_its_completion_and_run) {
  event_loop loop;
  auto fails = []() -> awaitable<> {
    co_await asio::post(use_awaitable_t{});
    throw std::runtime_error("failed");
  };
  asio::co_spawn(loop, fails(), or_throw);
  EXPECT_THROW(loop.poll(), std::runtime_error);
}

TEST(coroutine, is_cancelled_while_it_sleeps) {
  event_loop loop;
  asio::cancellation_signal stop;
  error_code got;
  auto sleeps = [&]() -> awaitable<> {
    timer pause(co_await asio::this_coro::executor, 1h);
    std::tie(got) = co_await pause.async_wait(as_values);
    loop.stop();
  };
  asio::co_spawn(loop, sleeps(), asio::bind_cancellation_slot(stop.slot(), asio::detached));
  asio::post(loop, [&] { asio::post(loop, [&] { stop.emit(asio::cancellation_type::terminal); }); });
  loop.run();
  EXPECT_EQ(got, asio::error::operation_aborted);
}

TEST(coroutine, that_is_suspended_when_the_loop_ends_is_destroyed) {
  auto const alive = std::make_shared<int>();
  {
    event_loop loop;
    sync::mutex mutex;
    auto const held = mutex.try_lock();
    auto sleeps = [](std::shared_ptr<int>) -> awaitable<> {
      timer pause(co_await asio::this_coro::executor, 1h);
      co_await pause.async_wait(use_awaitable_t{});
      ADD_FAILURE();
    };
    auto waits = [](sync::mutex& m, std::shared_ptr<int>) -> awaitable<> {
      auto const lock = co_await m.async_lock(use_awaitable_t{});
      ADD_FAILURE();
    };
    auto has_posted = [](std::shared_ptr<int>) -> awaitable<> {
      for (;;) co_await asio::post(use_awaitable_t{});
    };
    asio::co_spawn(loop, sleeps(alive), asio::detached);
    asio::co_spawn(loop, waits(mutex, alive), asio::detached);
    asio::co_spawn(loop, has_posted(alive), asio::detached);
    for (int i = 0; i < 3; ++i) loop.run_one_turn();
    asio::co_spawn(loop, sleeps(alive), asio::detached);  // has not begun
    EXPECT_EQ(alive.use_count(), 5);
    loop.shut_down();
    EXPECT_EQ(alive.use_count(), 1);
  }
}

/// Like a connection: keeps the handler of a coroutine that waits for its descriptor.
class gate {
 public:
  explicit gate(event_loop& loop) : bell_(loop, [this] { std::exchange(waiting_, std::nullopt).value()(); }) {}

  awaitable<> wait() {
    auto initiate = [this](resumption handler) { waiting_.emplace(std::move(handler)); };
    auto token = use_awaitable_t{};
    co_await asio::async_initiate<use_awaitable_t, void()>(initiate, token);
  }
  void open() { bell_.ring(); }
  void forget() { waiting_.reset(); }

 private:
  using resumption = asio::async_result<use_awaitable_t, void()>::handler_type;
  std::optional<resumption> waiting_;
  bell bell_;
};

/// An object in a coroutine's frame that refers to what the coroutine serves.
struct visitor {
  explicit visitor(int& p) : present(p) { ++present; }
  ~visitor() { --present; }
  int& present;
};

TEST(coroutine, waits_for_a_descriptor) {
  event_loop loop;
  gate one(loop);
  bool is_through = false;
  auto passes = [&]() -> awaitable<> {
    co_await one.wait();
    is_through = true;
  };
  asio::co_spawn(loop, passes(), or_throw);
  loop.poll();
  EXPECT_FALSE(is_through);
  one.open();
  loop.poll();
  EXPECT_TRUE(is_through);
}

// A session's coroutine refers to its connection, which keeps the coroutine's handler. The io_context was destroyed
// first, so that coroutines were destroyed while the connections existed; but a handler kept by a connection was
// destroyed later, and posted the rest of its coroutine to the destroyed io_context.
TEST(coroutine, whose_handler_is_kept_outside_the_loop_ends_before_what_it_refers_to) {
  int present = 0;
  {
    event_loop loop;
    auto one = std::make_unique<gate>(loop);
    auto passes = [&]() -> awaitable<> {
      visitor const here(present);
      co_await one->wait();
    };
    asio::co_spawn(loop, passes(), or_throw);
    loop.poll();
    EXPECT_EQ(present, 1);
    loop.shut_down();
    EXPECT_EQ(present, 1) << "the loop doesn't know it";
    one->forget();
    EXPECT_EQ(present, 1) << "its frame is a post by now";
    loop.shut_down();
    EXPECT_EQ(present, 0);
    one.reset();
  }
}

TEST(coroutine, whose_handler_is_forgotten_while_the_loop_goes_is_destroyed_with_it) {
  int present = 0;
  {
    event_loop loop;
    auto one = std::make_unique<gate>(loop);
    auto passes = [](gate& waited_for, int& count) -> awaitable<> {
      visitor const here(count);
      co_await waited_for.wait();
    };
    asio::co_spawn(loop, passes(*one, present), or_throw);
    loop.poll();
    asio::post(loop, [one = std::move(one)] { FAIL(); });
    EXPECT_EQ(present, 1);
  }
  EXPECT_EQ(present, 0);
}

TEST(coroutine, waits_for_a_lock_in_the_order_of_asking) {
  event_loop loop;
  sync::mutex mutex;
  std::string order;
  auto takes = [&](char name) -> awaitable<> {
    auto const lock = co_await mutex.async_lock(use_awaitable_t{});
    order += name;
    co_await asio::post(use_awaitable_t{});
    order += name;
    if (name == 'c') loop.stop();
  };
  for (char const name : {'a', 'b', 'c'}) asio::co_spawn(loop, takes(name), or_throw);
  loop.run();
  EXPECT_EQ(order, "aabbcc");
}

TEST(coroutine, on_several_loops_share_a_lock) {
  constexpr int loops = 3, coroutines = 4, rounds = 2'000;
  sync::guarded<long> count(0);
  std::atomic<int> left{loops * coroutines};
  std::vector<std::unique_ptr<event_loop>> all;
  for (int i = 0; i < loops; ++i) all.push_back(std::make_unique<event_loop>());
  auto adds = [&]() -> awaitable<> {
    for (int i = 0; i < rounds; ++i) {
      auto const lock = co_await count.async_lock(use_awaitable_t{});
      ++*lock;
      if (i % 16 == 0) co_await asio::post(use_awaitable_t{});
    }
    if (--left == 0)
      for (auto const& one : all) one->stop();
  };
  for (auto const& one : all)
    for (int i = 0; i < coroutines; ++i) asio::co_spawn(*one, adds(), or_throw);
  {
    std::vector<std::jthread> threads;
    for (auto const& one : all) threads.emplace_back([&loop = *one] { loop.run(); });
  }
  EXPECT_EQ(*count.try_lock(), long{loops} * coroutines * rounds);
}

}  // namespace
}  // namespace holdfast::server
