#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <holdfast/sync/mutex.hpp>
#include <string>

namespace holdfast::sync {
namespace {

namespace asio = boost::asio;
using io_executor = asio::io_context::executor_type;

TEST(coroutine_test, free_mutex_is_locked_without_suspension) {
  asio::io_context context;
  mutex m;
  std::string log;
  auto lock_twice = [](mutex& mx, std::string& l) -> asio::awaitable<void, io_executor> {
    {
      auto lock = co_await mx.async_lock();
      l += 'a';
    }
    auto nothing = [] {};
    co_await mx.async_run(nothing);
    l += 'b';
  };
  asio::co_spawn(context, lock_twice(m, log), asio::detached);
  asio::post(context, [&] { log += '.'; });
  context.run();
  EXPECT_EQ(log, "ab.");
}

asio::awaitable<void, io_executor> lock_for_ever(mutex& m, bool& stop, std::string& log, char name) {
  while (!stop) {
    auto lock = co_await m.async_lock();
    if (log.empty() || log.back() != name) log += name;
  }
}

TEST(coroutine_test, coroutine_that_never_waits_leaves_its_neighbours_their_turn) {
  asio::io_context context(1);
  mutex m;
  bool stop = false;
  std::string log;
  asio::co_spawn(context, lock_for_ever(m, stop, log, 'a'), asio::detached);
  asio::co_spawn(context, lock_for_ever(m, stop, log, 'b'), asio::detached);
  int turns = 0;
  std::function<void()> count_turns = [&] {
    if (++turns == 10) {
      stop = true;
    } else {
      asio::post(context, count_turns);
    }
  };
  asio::post(context, count_turns);
  context.run();
  EXPECT_GE(log.size(), 10u);
}

asio::awaitable<void, io_executor> lock_until_cancelled(mutex& m, int& grants) {
  for (;;) {
    auto lock = co_await m.async_lock();
    ++grants;
  }
}

TEST(coroutine_test, cancellation_reaches_a_coroutine_that_never_waits) {
  asio::io_context context(1);
  mutex m;
  int grants = 0;
  asio::cancellation_signal signal;
  asio::co_spawn(context, lock_until_cancelled(m, grants), asio::bind_cancellation_slot(signal.slot(), asio::detached));
  asio::post(context, [&] { signal.emit(asio::cancellation_type::terminal); });
  context.run();
  EXPECT_GT(grants, 0);
}

#ifdef HOLDFAST_SYNC_HAS_AWAITER
TEST(coroutine_test, blocked_coroutine_takes_at_most_200_bytes_beyond_its_frame) {
  using operation = decltype(std::declval<mutex&>().async_lock());
  using awaiter = asio::detail::awaitable_async_op<mutex::signature, operation, io_executor>;
  EXPECT_LE(sizeof(awaiter) + sizeof(operation), 200u) << sizeof(awaiter) << " and " << sizeof(operation);
}
#endif

}  // namespace
}  // namespace holdfast::sync
