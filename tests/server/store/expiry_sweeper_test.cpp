#include "server/store/expiry_sweeper.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <thread>

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

/// With the real clock, because the lock's owner uses it to find expired keys.
class a_sweeper : public testing::Test {
 protected:
  a_sweeper() {
    data.on_earlier_expiry([this] { sweeper.look(); });
    asio::co_spawn(loop.get_executor(), sweeper.run(), [this](std::exception_ptr const& error) {
      EXPECT_FALSE(error);
      has_ended = true;
    });
  }
  ~a_sweeper() override {
    sweeper.stop();
    loop.poll();
    EXPECT_TRUE(has_ended);
  }

  void put(std::string key, nanoseconds ttl) {
    execution done;
    put_operation put{std::move(key), std::make_shared<std::string const>("1"), {time_to_live::kind::set, ttl}};
    ASSERT_TRUE(data.try_execute(put, {}, done));
  }

  /// Number of expiries in the history.
  std::size_t expired() {
    std::vector<change> all;
    EXPECT_TRUE(data.history().take(0, 100'000, all));
    std::size_t count = 0;
    for (auto const& one : all) count += one.what == change::kind::expire ? 1 : 0;
    return count;
  }

  void run_until(expiry_time end) {
    while (event_loop::clock::now() < end) loop.run_one_turn();
    loop.poll();
  }

  event_loop loop;
  store data{16, 1'000'000'000, 0x3f};
  expiry_sweeper sweeper{loop, data};
  bool has_ended = false;
};

TEST_F(a_sweeper, removes_a_key_when_its_time_is_up_and_not_before) {
  put("later", 1h);
  put("k", 30ms);
  auto const due = data.next_expiry();
  loop.poll();
  EXPECT_EQ(expired(), 0U);
  run_until(due + 1ms);
  EXPECT_EQ(expired(), 1U);
  EXPECT_GT(data.next_expiry(), due + 30min);
}

TEST_F(a_sweeper, hears_of_a_key_that_expires_before_those_it_sleeps_for) {
  put("later", 1h);
  loop.poll();
  put("k", 1ms);
  run_until(data.next_expiry() + 1ms);
  EXPECT_EQ(expired(), 1U);
}

// Many keys that expired together used to be removed in one turn of the loop, in which the thread served nobody.
TEST_F(a_sweeper, removes_many_in_portions_between_which_the_thread_serves_others) {
  constexpr std::size_t count = 10'000;
  for (std::size_t i = 0; i < count; ++i) put("k" + std::to_string(i), 200ms);
  auto const all_are_due = event_loop::clock::now() + 200ms;
  while (event_loop::clock::now() < all_are_due) std::this_thread::yield();
  auto before = expired();
  while (expired() < count) {
    loop.run_one_turn();
    EXPECT_LE(expired() - before, 2 * database::expired_at_once_max) << "of one turn";
    before = expired();
  }
  EXPECT_EQ(data.data_bytes(), 0U);
}

TEST_F(a_sweeper, waits_its_turn_and_stops_waiting_when_it_is_stopped) {
  interruption stop;
  data_operation const get = get_operation{"k"};
  auto released = false;
  asio::co_spawn(loop.get_executor(), data.execute(get, {.hold = 1h, .lock_timeout = {}}, stop),
                 [&](std::exception_ptr const&, execution const&) { released = true; });
  loop.poll();
  ASSERT_EQ(stop.phase(), lock_phase::holding);
  sweeper.look();
  loop.poll();
  sweeper.stop();
  loop.poll();
  EXPECT_TRUE(has_ended);
  stop.stop(stop_reason::drain);
  loop.poll();
  EXPECT_TRUE(released);
}

}  // namespace
}  // namespace holdfast::server
