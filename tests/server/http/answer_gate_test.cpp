// Answers that are withheld until their contents are durable: in which order they are released, and how many at a time.
#include "server/http/answer_gate.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace holdfast::server {
namespace {

class answer_gate_test : public testing::Test {
 protected:
  struct recorder final : answer_gate::waiter {
    recorder(std::vector<std::uint64_t>& into) : released(into) {}
    void on_open() override { released.push_back(needs()); }
    std::vector<std::uint64_t>& released;
  };

  answer_gate_test() { progress.number = 0; }

  recorder& withhold(std::uint64_t needs) {
    recorders.push_back(std::make_unique<recorder>(released));
    gate.withhold(*recorders.back(), needs);
    return *recorders.back();
  }

  void advance_to(std::uint64_t number) {
    progress.number = number;
    gate.notify();
  }

  event_loop loop;
  durable_progress progress;
  answer_gate gate{loop, progress};
  std::vector<std::uint64_t> released;
  std::vector<std::unique_ptr<recorder>> recorders;
};

TEST_F(answer_gate_test, releases_what_is_durable_in_the_order_of_what_was_needed) {
  withhold(3);
  withhold(1);
  withhold(2);
  withhold(9);
  loop.poll();
  EXPECT_TRUE(released.empty());
  advance_to(3);
  EXPECT_TRUE(released.empty()) << "never before notify() has returned";
  loop.poll();
  EXPECT_EQ(released, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_TRUE(recorders.back()->is_withheld());
  advance_to(9);
  loop.poll();
  EXPECT_EQ(released.back(), 9U);
}

TEST_F(answer_gate_test, a_waiter_keeps_the_larger_of_two_needs) {
  auto& one = withhold(5);
  gate.withhold(one, 2);
  advance_to(4);
  loop.poll();
  EXPECT_TRUE(released.empty());
  advance_to(5);
  loop.poll();
  EXPECT_EQ(released, (std::vector<std::uint64_t>{5}));
}

TEST_F(answer_gate_test, releases_a_waiter_whose_need_was_met_while_it_was_withheld) {
  progress.number = 7;
  withhold(7);
  EXPECT_TRUE(released.empty()) << "never before withhold() has returned";
  loop.poll();
  EXPECT_EQ(released, (std::vector<std::uint64_t>{7}));
}

TEST_F(answer_gate_test, a_waiter_that_is_gone_is_passed_over) {
  withhold(1);
  withhold(2);
  recorders.erase(recorders.begin());
  advance_to(2);
  loop.poll();
  EXPECT_EQ(released, (std::vector<std::uint64_t>{2}));
}

// A commit once released all of its answers in one function: with 10,000 connections the loop's other work waited for
// 10,000 calls of send().
TEST_F(answer_gate_test, a_turn_of_the_loop_releases_a_limited_number) {
  constexpr std::size_t per_turn = std::size_t(event_loop::posts_per_turn) * answer_gate::waiters_per_post;
  constexpr std::size_t waiters = 10 * per_turn;
  for (std::size_t i = 0; i < waiters; ++i) withhold(i + 1);
  advance_to(waiters);
  for (std::size_t before = 0; released.size() < waiters; before = released.size()) {
    ASSERT_TRUE(loop.run_one_turn()) << "after " << before;
    EXPECT_LE(released.size() - before, per_turn);
  }
  EXPECT_EQ(released.back(), waiters);
}

}  // namespace
}  // namespace holdfast::server
