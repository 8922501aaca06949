#include "server/store/periodic_writer.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "tests/support/virtual_time.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

class a_writer : public ::testing::Test {
 protected:
  a_writer() {
    asio::co_spawn(time.loop.get_executor(), writer.run(), [this](std::exception_ptr const& error) {
      ended = true;
      failed = error != nullptr;
    });
  }

  void run(std::chrono::milliseconds how_long) { time.run(how_long); }

  std::optional<execution> try_execute(data_operation const& what) {
    execution done;
    return data.try_execute(what, {}, done) ? std::optional(std::move(done)) : std::nullopt;
  }

  std::string value() {
    auto const done = try_execute(get_operation{"my-key"});
    EXPECT_TRUE(done);
    auto const* const found = std::get_if<value_found>(&*done->outcome);
    return found == nullptr ? "none" : *found->value;
  }

  /// Number of writes.
  std::uint64_t writes() {
    auto const done = try_execute(get_operation{"my-key"});
    auto const* const found = std::get_if<value_found>(&*done->outcome);
    return found == nullptr ? 0 : found->revision;
  }

  /// Holds the lock until stopped.
  void hold(interruption& until) {
    asio::co_spawn(time.loop.get_executor(), data.execute(get, {.hold = 24h, .lock_timeout = {}}, until),
                   [](std::exception_ptr const&, execution const&) {});
    time.run(0ms);
  }

  data_operation const get = get_operation{"my-key"};
  store data{16, 1'000'000, 0x3f};
  tests::virtual_time time;
  periodic_writer writer{time.loop, data, "my-key", 350ms, time.now()};
  bool ended = false;
  bool failed = false;
};

TEST_F(a_writer, writes_at_once_and_then_every_period) {
  run(0ms);
  EXPECT_EQ(value(), "0");
  run(349ms);
  EXPECT_EQ(value(), "0");
  run(1ms);
  EXPECT_EQ(value(), "350");
  run(1050ms);
  EXPECT_EQ(value(), "1400");
  EXPECT_EQ(writes(), 5U);
}

TEST_F(a_writer, takes_up_a_new_period_at_once) {
  run(100ms);
  writer.change(150ms);
  run(49ms);
  EXPECT_EQ(value(), "0");
  run(1ms);
  EXPECT_EQ(value(), "150") << "the sleep had begun at 0";
  writer.change(1h);
  run(10s);
  EXPECT_EQ(value(), "150");
  writer.change(1ms);
  run(0ms);
  EXPECT_EQ(value(), "10150") << "it is long overdue";
}

TEST_F(a_writer, sleeps_while_its_period_is_zero_and_goes_on_after_that) {
  run(100ms);
  writer.change(0ms);
  run(10s);
  EXPECT_EQ(value(), "0");
  writer.change(350ms);
  run(0ms);
  EXPECT_EQ(value(), "10100");
}

TEST_F(a_writer, ends_when_it_is_stopped_while_its_period_is_zero) {
  run(10ms);
  writer.change(0ms);
  run(10ms);
  writer.stop();
  run(0ms);
  EXPECT_TRUE(ended);
  EXPECT_FALSE(failed);
}

TEST_F(a_writer, waits_for_the_lock_like_anyone_and_writes_the_time_of_the_grant) {
  run(100ms);
  interruption lock;
  hold(lock);
  run(900ms);
  EXPECT_FALSE(try_execute(get));
  lock.stop(stop_reason::drain);
  run(0ms);
  EXPECT_EQ(value(), "1000") << "it asked at 350 ms and was granted the lock at 1000 ms";
}

awaitable<void> read_for_ever(store& data, std::chrono::milliseconds hold) {
  data_operation const get = get_operation{"my-key"};
  interruption never;
  for (;;) co_await data.execute(get, {.hold = hold, .lock_timeout = {}}, never);
}

TEST_F(a_writer, behind_three_readers_that_hold_a_second_and_ask_again_it_writes_every_three_seconds) {
  for (int i = 0; i < 3; ++i)
    asio::co_spawn(time.loop.get_executor(), read_for_ever(data, 1s), [](std::exception_ptr const&) {});
  run(30s);
  std::uint64_t writes = 0;
  interruption never;
  asio::co_spawn(time.loop.get_executor(), data.execute(get, {}, never),
                 [&](std::exception_ptr const&, execution const& done) {
                   writes = std::get<value_found>(*done.outcome).revision;
                 });
  run(5s);
  EXPECT_GE(writes, 10U);
  EXPECT_LE(writes, 12U);
  time.loop.shut_down();
}

TEST_F(a_writer, ends_when_it_is_stopped_while_it_sleeps) {
  run(10ms);
  writer.stop();
  run(0ms);
  EXPECT_TRUE(ended);
}

// The next await used to throw, and the entire server ended with "can't serve: operation canceled".
TEST_F(a_writer, ends_quietly_when_the_cancellation_crosses_the_end_of_its_sleep) {
  run(349ms);
  time.skip(1ms);
  asio::post(time.loop.get_executor(), [this] { writer.stop(); });
  run(400ms);
  EXPECT_TRUE(ended);
  EXPECT_FALSE(failed);
}

TEST_F(a_writer, ends_when_the_stop_crosses_its_grant) {
  run(10ms);
  interruption lock;
  hold(lock);
  run(400ms);
  asio::post(time.loop.get_executor(), [this] { writer.stop(); });
  lock.stop(stop_reason::drain);
  run(0ms);
  EXPECT_TRUE(ended);
  EXPECT_FALSE(failed);
}

TEST_F(a_writer, ends_when_it_is_stopped_while_it_waits_and_writes_nothing) {
  run(10ms);
  interruption lock;
  hold(lock);
  run(400ms);
  writer.stop();
  run(0ms);
  EXPECT_TRUE(ended);
  lock.stop(stop_reason::drain);
  run(0ms);
  EXPECT_EQ(writes(), 1U);
}

}  // namespace
}  // namespace holdfast::server
