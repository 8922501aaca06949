#include "server/periodic_writer.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "tests/support/virtual_clock.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using tests::run_virtually, tests::virtual_clock, tests::virtual_timer;

class periodic_writer : public ::testing::Test {
 protected:
  periodic_writer() {
    auto writer = write_periodically<virtual_timer>(data, "my-key", pace, virtual_clock::now());
    asio::co_spawn(io, std::move(writer),
                   asio::bind_cancellation_slot(stop.slot(), [this](std::exception_ptr const& error) {
                     ended = true;
                     failed = error != nullptr;
                   }));
  }

  /// What stands under my-key, read past the lock.
  std::string value() {
    auto lock = data.try_lock();
    EXPECT_TRUE(lock);
    auto const outcome = lock->apply(protocol::get_operation{"my-key"});
    auto const* const found = std::get_if<protocol::value_found>(&outcome);
    return found == nullptr ? "none" : *found->value;
  }

  std::uint64_t writes() { return data.try_lock()->revision(); }

  writer_pace<virtual_timer> pace{350ms};
  asio::cancellation_signal stop;
  sync::guarded<database> data;
  asio::io_context io{1};
  bool ended = false;
  bool failed = false;
};

TEST_F(periodic_writer, writes_at_once_and_then_every_period) {
  run_virtually(io, 0ms);
  EXPECT_EQ(value(), "0");
  run_virtually(io, 349ms);
  EXPECT_EQ(value(), "0");
  run_virtually(io, 1ms);
  EXPECT_EQ(value(), "350");
  run_virtually(io, 1050ms);
  EXPECT_EQ(value(), "1400");
  EXPECT_EQ(writes(), 5U);
}

TEST_F(periodic_writer, takes_up_a_new_period_at_once) {
  run_virtually(io, 100ms);
  pace.change(150ms);
  run_virtually(io, 49ms);
  EXPECT_EQ(value(), "0");
  run_virtually(io, 1ms);
  EXPECT_EQ(value(), "150") << "the sleep had begun at 0";
  pace.change(1h);
  run_virtually(io, 10s);
  EXPECT_EQ(value(), "150");
  pace.change(1ms);
  run_virtually(io, 0ms);
  EXPECT_EQ(value(), "10150") << "it is long overdue";
}

TEST_F(periodic_writer, sleeps_while_its_period_is_zero_and_goes_on_after_that) {
  run_virtually(io, 100ms);
  pace.change(0ms);
  run_virtually(io, 10s);
  EXPECT_EQ(value(), "0");
  pace.change(350ms);
  run_virtually(io, 0ms);
  EXPECT_EQ(value(), "10100");
}

TEST_F(periodic_writer, ends_when_it_is_cancelled_while_its_period_is_zero) {
  run_virtually(io, 10ms);
  pace.change(0ms);
  run_virtually(io, 10ms);
  stop.emit(asio::cancellation_type::terminal);
  run_virtually(io, 0ms);
  EXPECT_TRUE(ended);
  EXPECT_FALSE(failed);
}

TEST_F(periodic_writer, waits_for_the_lock_like_anyone_and_writes_the_time_of_the_grant) {
  run_virtually(io, 100ms);
  auto lock = data.try_lock();
  run_virtually(io, 900ms);
  EXPECT_FALSE(data.try_lock());
  lock.unlock();
  run_virtually(io, 0ms);
  EXPECT_EQ(value(), "1000") << "it asked at 350 ms and was granted the lock at 1000 ms";
}

awaitable<void> read_for_ever(sync::guarded<database>& data, std::chrono::milliseconds hold) {
  virtual_timer timer(co_await asio::this_coro::executor);
  for (;;) {
    auto [error, lock] = co_await data.async_lock(as_values);
    if (error) co_return;
    timer.expires_after(hold);
    co_await timer.async_wait(as_values);
  }
}

awaitable<void> read_revision(sync::guarded<database>& data, std::uint64_t& revision) {
  auto [error, lock] = co_await data.async_lock(as_values);
  if (!error) revision = lock->revision();
}

TEST_F(periodic_writer, behind_three_readers_that_hold_a_second_and_ask_again_it_writes_every_three_seconds) {
  for (int i = 0; i < 3; ++i) asio::co_spawn(io, read_for_ever(data, 1s), asio::detached);
  run_virtually(io, 30s);
  std::uint64_t writes = 0;
  asio::co_spawn(io, read_revision(data, writes), asio::detached);
  run_virtually(io, 5s);
  EXPECT_GE(writes, 10U);
  EXPECT_LE(writes, 12U);
}

TEST_F(periodic_writer, ends_when_it_is_cancelled_while_it_sleeps) {
  run_virtually(io, 10ms);
  stop.emit(asio::cancellation_type::terminal);
  run_virtually(io, 0ms);
  EXPECT_TRUE(ended);
}

// The next await used to throw, and the whole server ended with "can't serve: operation canceled".
TEST_F(periodic_writer, ends_quietly_when_the_cancellation_crosses_the_end_of_its_sleep) {
  run_virtually(io, 349ms);
  virtual_clock::current += 1ms;
  boost::asio::post(io, [this] { stop.emit(asio::cancellation_type::terminal); });
  run_virtually(io, 400ms);
  EXPECT_TRUE(ended);
  EXPECT_FALSE(failed);
}

TEST_F(periodic_writer, gives_back_a_grant_that_the_cancellation_crosses) {
  run_virtually(io, 10ms);
  auto lock = data.try_lock();
  run_virtually(io, 400ms);
  boost::asio::post(io, [this] { stop.emit(asio::cancellation_type::terminal); });
  lock.unlock();
  run_virtually(io, 0ms);
  EXPECT_TRUE(ended);
  EXPECT_FALSE(failed);
  EXPECT_EQ(writes(), 1U);
}

TEST_F(periodic_writer, ends_when_it_is_cancelled_while_it_waits_and_writes_nothing) {
  run_virtually(io, 10ms);
  auto lock = data.try_lock();
  run_virtually(io, 400ms);
  stop.emit(asio::cancellation_type::terminal);
  run_virtually(io, 0ms);
  EXPECT_TRUE(ended);
  lock.unlock();
  EXPECT_EQ(writes(), 1U);
}

}  // namespace
}  // namespace holdfast::server
