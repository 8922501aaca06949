#include "server/loop/event_loop.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/defer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <ctime>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "server/loop/timer.hpp"
#include "tests/server/loop/bell.hpp"

namespace holdfast::server {
namespace {

using namespace std::literals;

std::chrono::nanoseconds cpu_time_of_this_thread() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// --- posts -----------------------------------------------------------------------------------------------------------

TEST(event_loop, runs_posts_in_the_order_in_which_they_came) {
  event_loop loop;
  std::string order;
  asio::post(loop, [&] {
    order += 'a';
    asio::post(loop, [&] { order += 'd'; });
    asio::defer(loop, [&] { order += 'e'; });
  });
  asio::post(loop, [&] { order += 'b'; });
  asio::post(loop, [&] { order += 'c'; });
  loop.poll();
  EXPECT_EQ(order, "abcde");
}

TEST(event_loop, runs_dispatches_at_once_where_it_runs_and_later_elsewhere) {
  event_loop loop;
  std::string order;
  asio::dispatch(loop, [&] {
    order += 'b';
    asio::dispatch(loop, [&] { order += 'c'; });
    order += 'd';
  });
  order += 'a';
  loop.poll();
  EXPECT_EQ(order, "abcd");
}

TEST(event_loop, keeps_the_order_of_each_other_thread) {
  constexpr int threads = 4, posts = 20'000;
  event_loop loop;
  std::vector<int> next(threads);
  int ran = 0;
  {
    std::vector<std::jthread> others;
    for (int thread = 0; thread < threads; ++thread)
      others.emplace_back([&, thread] {
        for (int i = 0; i < posts; ++i)
          asio::post(loop, [&, thread, i] {
            EXPECT_EQ(next[thread]++, i);
            if (++ran == threads * posts) loop.stop();
          });
      });
    loop.run();
  }
  EXPECT_EQ(ran, threads * posts);
}

// The loop and the other thread answer each other, so that each message meets the loop asleep, or about to sleep.
TEST(event_loop, is_woken_by_every_post_and_every_event_of_another_thread) {
  constexpr int rounds = 20'000;
  event_loop loop;
  std::atomic<int> answers{0};
  auto const answer = [&] {
    ++answers;
    answers.notify_one();
  };
  bell one(loop, answer);
  std::jthread const other([&] {
    for (int sent = 0; sent < rounds; ++sent) {
      if (sent % 2 == 0) {
        one.ring();
      } else {
        asio::post(loop, answer);
      }
      answers.wait(sent);
    }
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(answers, rounds);
}

TEST(event_loop, sleeps_while_there_is_nothing_to_do) {
  event_loop loop;
  std::jthread const other([&] {
    std::this_thread::sleep_for(100ms);
    loop.stop();
  });
  auto const before = cpu_time_of_this_thread();
  loop.run();
  EXPECT_LT(cpu_time_of_this_thread() - before, 30ms);
}

TEST(event_loop, sleeps_again_after_each_cause_to_wake_up) {
  event_loop loop;
  bell one(loop);
  timer soon(loop, 1ms);
  soon.async_wait([](auto) {});
  std::jthread const other([&] {
    std::this_thread::sleep_for(20ms);
    asio::post(loop, [] {});
    std::this_thread::sleep_for(20ms);
    one.ring();
    std::this_thread::sleep_for(100ms);
    loop.stop();
  });
  auto const before = cpu_time_of_this_thread();
  loop.run();
  EXPECT_LT(cpu_time_of_this_thread() - before, 30ms);
}

// --- run and stop ----------------------------------------------------------------------------------------------------

TEST(event_loop, stops_at_once_when_it_was_stopped_before_and_runs_again_after_that) {
  event_loop loop;
  int ran = 0;
  loop.stop();
  asio::post(loop, [&] {
    ++ran;
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(ran, 0);
  loop.run();
  EXPECT_EQ(ran, 1);
}

TEST(event_loop, ends_the_batch_in_which_it_is_stopped) {
  int batches_ended = 0;
  event_loop loop([&] { ++batches_ended; });
  bell one(loop, [&] { loop.stop(); });
  one.ring();
  loop.run();
  EXPECT_EQ(batches_ended, 1);
}

TEST(event_loop, knows_whether_it_runs_here) {
  event_loop loop;
  EXPECT_FALSE(loop.runs_here());
  asio::post(loop, [&] {
    EXPECT_TRUE(loop.runs_here());
    EXPECT_TRUE(loop.get_executor().running_in_this_thread());
    std::jthread([&] {
      EXPECT_FALSE(loop.runs_here());
      EXPECT_FALSE(loop.may_be_used_here());
    }).join();
  });
  loop.poll();
}

TEST(event_loop, may_run_another_loop_within_a_handler) {
  event_loop outer, inner;
  std::string order;
  asio::post(outer, [&] {
    asio::post(inner, [&] {
      asio::post(outer, [&] { order += 'c'; });
      order += 'a';
    });
    inner.poll();
    order += 'b';
  });
  outer.poll();
  EXPECT_EQ(order, "abc");
}

// --- descriptors -----------------------------------------------------------------------------------------------------

TEST(event_loop, calls_a_source_that_is_ready_and_again_while_it_stays_so) {
  event_loop loop;
  bell one(loop);
  one.stays_ready = true;
  loop.poll();
  EXPECT_EQ(one.rings, 0);
  one.ring();
  EXPECT_TRUE(loop.run_one_turn());
  EXPECT_TRUE(loop.run_one_turn());
  EXPECT_EQ(one.rings, 2);
}

TEST(event_loop, does_not_call_a_source_that_does_not_want_the_event) {
  event_loop loop;
  bell one(loop);
  one.want(0);
  one.ring();
  loop.poll();
  EXPECT_EQ(one.rings, 0);
  one.want(EPOLLIN);
  loop.poll();
  EXPECT_EQ(one.rings, 1);
}

TEST(event_loop, a_source_may_destroy_others_and_itself) {
  event_loop loop;
  int rings = 0;
  std::vector<std::unique_ptr<bell>> bells;
  for (int i = 0; i < 3; ++i) {
    bells.push_back(std::make_unique<bell>(loop, [&] {
      ++rings;
      std::exchange(bells, {}).clear();
    }));
    bells.back()->ring();
  }
  loop.poll();
  EXPECT_EQ(rings, 1) << "whichever was first, the others were on their way";
}

TEST(event_loop, says_when_a_descriptor_can_not_be_watched) {
  struct nothing final : poll_source {
    void on_ready(std::uint32_t) override {}
  } source;
  event_loop loop;
  EXPECT_FALSE(loop.add(-1, source, EPOLLIN));
}

TEST(event_loop, ends_a_batch_before_timers_and_posts_can_destroy_what_it_refers_to) {
  std::string order;
  event_loop loop([&] { order += '|'; });
  bell one(loop, [&] { order += 'd'; }), other(loop, [&] {
    order += 'd';
    asio::post(loop, [&] { order += 'p'; });
  });
  timer due(loop);
  asio::post(loop, [&] {
    due.async_wait([&](auto) { order += 't'; });
    one.ring();
    other.ring();
  });
  loop.run_one_turn();
  EXPECT_EQ(order, "") << "no batch, no end";
  loop.run_one_turn();
  EXPECT_EQ(order, "dd|tp");
  loop.poll();
  EXPECT_EQ(order, "dd|tp");
}

// --- exceptions ------------------------------------------------------------------------------------------------------

TEST(event_loop, goes_on_where_it_left_after_what_anyone_throws) {
  int batches_ended = 0;
  event_loop loop([&] {
    ++batches_ended;
    if (batches_ended == 2) throw std::runtime_error("end");
  });
  bell one(loop, [] { throw std::runtime_error("descriptor"); });
  bell two(loop, [] { throw std::runtime_error("descriptor"); });
  one.ring();
  two.ring();
  asio::post(loop, [] { throw std::runtime_error("post"); });
  asio::post(loop, [] { throw std::runtime_error("post"); });
  timer due(loop), also_due(loop);
  for (auto* const each : {&due, &also_due}) each->async_wait([](auto) { throw std::runtime_error("timer"); });

  std::vector<std::string> thrown;
  for (;;) try {
      loop.poll();
      break;
    } catch (std::runtime_error const& error) {
      thrown.emplace_back(error.what());
    }
  std::vector<std::string> const expected{"descriptor", "post", "descriptor", "post", "end", "timer", "timer"};
  EXPECT_EQ(std::multiset(thrown.begin(), thrown.end()), std::multiset(expected.begin(), expected.end()));
  EXPECT_GE(batches_ended, 2);
}

// Descriptors are ready again at the next look, but the timers' alarm fires once.
TEST(event_loop, a_source_that_throws_keeps_no_timer_from_its_time) {
  event_loop loop;
  bell one(loop, [] { throw std::runtime_error("no memory, say"); });
  timer soon(loop, 5ms);
  soon.async_wait([&](auto) { loop.stop(); });
  loop.poll();
  one.ring();
  std::this_thread::sleep_until(soon.expiry() + 5ms);
  EXPECT_THROW(loop.run(), std::runtime_error) << "both are in the batch, and the bell is first";
  loop.run();
}

TEST(event_loop, what_a_dispatch_throws_comes_out_of_run_and_not_of_dispatch) {
  event_loop loop;
  bool went_on = false;
  asio::post(loop, [&] {
    asio::dispatch(loop, [] { throw std::runtime_error("dispatched"); });
    went_on = true;
  });
  EXPECT_THROW(loop.poll(), std::runtime_error);
  EXPECT_TRUE(went_on);
  loop.poll();
}

TEST(event_loop, ends_the_batch_that_an_exception_has_left) {
  int batches_ended = 0;
  event_loop loop([&] {
    ++batches_ended;
    loop.stop();
  });
  bell one(loop, [] { throw std::runtime_error("no memory, say"); });
  one.ring();
  EXPECT_THROW(loop.run(), std::runtime_error);
  loop.run();
  EXPECT_EQ(batches_ended, 1) << "what was answered before must not wait for somebody to ask";
}

// --- destruction -----------------------------------------------------------------------------------------------------

/// Counts its live copies.
class witness {
 public:
  explicit witness(int& count) : count_(&count) { ++*count_; }
  witness(witness const& other) : witness(*other.count_) {}
  witness& operator=(witness const&) = delete;
  ~witness() { --*count_; }

 private:
  int* count_;
};

TEST(event_loop, destroys_what_is_pending_without_running_it) {
  int alive = 0;
  {
    event_loop loop;
    timer later(loop, 1h);
    later.async_wait([here = witness(alive)](auto) { FAIL(); });
    loop.poll();
    timer on_its_way(loop, 1h);
    on_its_way.async_wait([here = witness(alive)](auto) { FAIL(); });
    asio::post(loop, [here = witness(alive)] { FAIL(); });
    EXPECT_EQ(alive, 3);
    loop.shut_down();
    EXPECT_EQ(alive, 0);
  }
}

TEST(event_loop, destroys_what_dying_handlers_post_and_start) {
  struct posts_when_it_dies {
    posts_when_it_dies(event_loop& l, int& c, int n) : loop(&l), count(&c), left(n) {}
    posts_when_it_dies(posts_when_it_dies&& other) noexcept
        : loop(std::exchange(other.loop, nullptr)), count(other.count), left(other.left) {}
    ~posts_when_it_dies() {
      if (loop == nullptr) return;
      ++*count;
      if (left == 0) return;
      asio::post(*loop, [next = posts_when_it_dies(*loop, *count, left - 1)] { FAIL(); });
      timer(*loop, 1h).async_wait([next = posts_when_it_dies(*loop, *count, left - 1)](auto) { FAIL(); });
    }
    event_loop* loop;
    int* count;
    int left;
  };
  int died = 0;
  {
    event_loop loop;
    asio::post(loop, [first = posts_when_it_dies(loop, died, 3)] { FAIL(); });
  }
  EXPECT_EQ(died, 1 + 2 + 4 + 8);
}

TEST(event_loop, a_dying_handler_that_dispatches_runs_nothing) {
  struct dispatches_when_it_dies {
    explicit dispatches_when_it_dies(event_loop& l) : loop(&l) {}
    dispatches_when_it_dies(dispatches_when_it_dies&& other) noexcept : loop(std::exchange(other.loop, nullptr)) {}
    ~dispatches_when_it_dies() {
      if (loop != nullptr) asio::dispatch(*loop, [] { FAIL(); });
    }
    event_loop* loop;
  };
  event_loop loop;
  asio::post(loop, [one = dispatches_when_it_dies(loop)] { FAIL(); });
}

TEST(event_loop, a_dying_handler_may_own_sources_and_timers) {
  event_loop loop;
  auto owned_timer = std::make_unique<timer>(loop, 1h);
  owned_timer->async_wait([](auto) { FAIL(); });
  loop.poll();
  asio::post(loop, [one = std::make_unique<bell>(loop), two = std::move(owned_timer)] { FAIL(); });
}

struct service_that_posts_when_it_dies final : asio::execution_context::service {
  using key_type = service_that_posts_when_it_dies;
  static inline asio::execution_context::id id;

  service_that_posts_when_it_dies(asio::execution_context& context, int& count) : service(context), alive(count) {}
  ~service_that_posts_when_it_dies() override {
    asio::post(static_cast<event_loop&>(context()), [here = witness(alive)] { FAIL(); });
  }
  void shutdown() override {}

  int& alive;
};

TEST(event_loop, destroys_what_its_services_post_when_they_are_destroyed) {
  int alive = 0;
  {
    event_loop loop;
    asio::make_service<service_that_posts_when_it_dies>(loop, alive);
  }
  EXPECT_EQ(alive, 0);
}

TEST(event_loop, destroys_what_is_pending_while_its_services_are_there) {
  struct looks_when_it_dies {
    explicit looks_when_it_dies(event_loop& l, bool& f) : loop(&l), found(&f) {}
    looks_when_it_dies(looks_when_it_dies&& other) noexcept
        : loop(std::exchange(other.loop, nullptr)), found(other.found) {}
    ~looks_when_it_dies() {
      if (loop != nullptr) *found = asio::has_service<service_that_posts_when_it_dies>(*loop);
    }
    event_loop* loop;
    bool* found;
  };
  int alive = 0;
  bool found = false;
  {
    event_loop loop;
    asio::make_service<service_that_posts_when_it_dies>(loop, alive);
    asio::post(loop, [one = looks_when_it_dies(loop, found)] { FAIL(); });
  }
  EXPECT_TRUE(found);
}

TEST(event_loop, other_threads_posts_that_were_too_late_are_destroyed) {
  int alive = 0;
  {
    event_loop loop;
    std::jthread([&] { asio::post(loop, [here = witness(alive)] { FAIL(); }); }).join();
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace holdfast::server
