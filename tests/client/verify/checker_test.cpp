#include "client/load/verify/checker.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/client/verify/operations.hpp"
#include "tests/client/verify/random_history.hpp"

namespace holdfast::client::verify {
namespace {

/// By the definition, trying all orders: every subset of the unanswered may have happened.
bool has_an_order(std::vector<operation> const& left, value_number value) {
  if (std::ranges::none_of(left, is_certain)) return true;
  for (std::size_t i = 0; i < left.size(); ++i) {
    auto const is_first =
        std::ranges::none_of(left, [&](auto const& other) { return &other != &left[i] && precedes(other, left[i]); });
    auto const after = apply(left[i], value);
    if (!is_first || !after) continue;
    auto rest = left;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    if (has_an_order(rest, *after)) return true;
  }
  return false;
}

verdict by_definition(history const& whole) {
  return has_an_order(whole.operations, whole.initial) ? verdict::linearizable : verdict::violated;
}

std::string text_of(history const& whole) {
  auto const name = [](value_number value) { return value == absent ? std::string("-") : std::to_string(value); };
  static constexpr std::array actions{"read", "create", "replace", "write", "remove", "erase"};
  auto text = "initial " + name(whole.initial) + '\n';
  for (auto const& one : whole.operations) {
    text += std::string(actions[static_cast<std::size_t>(one.what)]) + ' ' + name(one.value) + " [" +
            std::to_string(one.invoked) + ", " + (is_certain(one) ? std::to_string(one.responded) : "never") + "]\n";
  }
  return text;
}

struct kind_of_history {
  char const* name;
  history (*make)(std::mt19937&, history_shape const&);
  history_shape shape;
};

void PrintTo(kind_of_history const& kind, std::ostream* out) {
  *out << kind.name;
}

class small_histories : public testing::TestWithParam<kind_of_history> {};

TEST_P(small_histories, are_judged_as_the_definition_does) {
  std::mt19937 random(42);
  int violated = 0;
  constexpr int rounds = 20'000;
  for (int round = 0; round < rounds; ++round) {
    auto shape = GetParam().shape;
    shape.operations = 1 + static_cast<std::size_t>(round) % 8;
    auto const whole = GetParam().make(random, shape);
    auto const truth = by_definition(whole);
    ASSERT_EQ(search(whole, {}), truth) << "search\n" << text_of(whole);
    ASSERT_EQ(check(whole, {}), truth) << "check\n" << text_of(whole);
    violated += truth == verdict::violated;
  }
  if (GetParam().make == sound_history) {
    EXPECT_EQ(violated, 0);
  } else {
    // Both verdicts must have been put to the test.
    EXPECT_GT(violated, rounds / 50);
    EXPECT_LT(violated, rounds * 49 / 50);
  }
}

constexpr history_shape no_deletes{.delete_share = 0};
constexpr history_shape blind{.conditions = false};
constexpr history_shape deleting{.put_share = 0.35, .delete_share = 0.35};
constexpr history_shape forgetful{.unanswered_share = 0.4};
constexpr history_shape crowded{.connections = 6, .latency_max = 20};

INSTANTIATE_TEST_SUITE_P(checker, small_histories,
                         testing::Values(kind_of_history{"sound", sound_history, {}},
                                         kind_of_history{"sound_without_deletes", sound_history, no_deletes},
                                         kind_of_history{"sound_and_blind", sound_history, blind},
                                         kind_of_history{"sound_with_many_deletes", sound_history, deleting},
                                         kind_of_history{"sound_and_forgetful", sound_history, forgetful},
                                         kind_of_history{"sound_and_crowded", sound_history, crowded},
                                         kind_of_history{"damaged", damaged_history, {}},
                                         kind_of_history{"damaged_without_deletes", damaged_history, no_deletes},
                                         kind_of_history{"damaged_and_blind", damaged_history, blind},
                                         kind_of_history{"damaged_with_many_deletes", damaged_history, deleting},
                                         kind_of_history{"damaged_and_forgetful", damaged_history, forgetful},
                                         kind_of_history{"damaged_and_crowded", damaged_history, crowded},
                                         kind_of_history{"wild", wild_history, {}},
                                         kind_of_history{"wild_without_deletes", wild_history, no_deletes},
                                         kind_of_history{"wild_and_blind", wild_history, blind},
                                         kind_of_history{"wild_with_many_deletes", wild_history, deleting},
                                         kind_of_history{"wild_and_forgetful", wild_history, forgetful}),
                         [](auto const& test) { return std::string(test.param.name); });

/// The fast paths against the search, on histories too long for the definition.
TEST(checker, judges_longer_histories_as_the_search_does) {
  std::mt19937 random(7);
  int violated = 0;
  for (int round = 0; round < 3000; ++round) {
    history_shape shape{.operations = 40, .connections = 4};
    if (round % 3 == 0) shape.delete_share = 0;
    auto const whole = round % 2 == 0 ? damaged_history(random, shape) : sound_history(random, shape);
    auto const truth = search(whole, {});
    ASSERT_NE(truth, verdict::undecided);
    ASSERT_EQ(check(whole, {}), truth) << text_of(whole);
    violated += truth == verdict::violated;
  }
  EXPECT_GT(violated, 200);
}

TEST(checker, accepts_a_key_that_nobody_touched) {
  EXPECT_EQ(check(of(absent, {}), {}), verdict::linearizable);
  EXPECT_EQ(check(of(5, {}), {}), verdict::linearizable);
}

TEST(checker, finds_a_stale_read) {
  EXPECT_EQ(check(of(0, {put(1, 0, 1), put(2, 2, 3), get(1, 4, 5)}), {}), verdict::violated);
}

TEST(checker, accepts_a_read_of_either_value_while_a_put_is_under_way) {
  EXPECT_EQ(check(of(0, {put(1, 0, 10), get(0, 1, 2), get(1, 3, 4)}), {}), verdict::linearizable);
}

TEST(checker, finds_two_readers_that_saw_two_puts_in_different_order) {
  EXPECT_EQ(check(of(0, {put(1, 0, 10), put(2, 0, 10), get(1, 1, 2), get(2, 3, 4), get(1, 5, 6)}), {}),
            verdict::violated);
}

TEST(checker, finds_a_lost_update) {
  EXPECT_EQ(check(of(0, {put(1, 0, 1), get(0, 2, 3)}), {}), verdict::violated);
}

TEST(checker, finds_a_value_that_nobody_wrote) {
  EXPECT_EQ(check(of(0, {get(9, 2, 3)}), {}), verdict::violated);
}

TEST(checker, finds_a_value_that_came_back_after_its_delete) {
  EXPECT_EQ(check(of(0, {del(0, 1), get(0, 2, 3)}), {}), verdict::violated);
}

TEST(checker, finds_one_value_that_was_deleted_twice) {
  EXPECT_EQ(check(of(0, {del(0, 5), del(0, 5)}), {}), verdict::violated);
  EXPECT_EQ(check(of(0, {del(0, 5), del(0, 5), put(1, 0, 5)}), {}), verdict::violated);
  EXPECT_EQ(check(of(0, {del(0, 5), del(0, 5), {action::create, 1, 0, 5, 0}}), {}), verdict::linearizable);
}

TEST(checker, lets_an_unanswered_put_take_effect_late_or_never) {
  operation const unanswered{action::write, 1, 0, never, 0};
  EXPECT_EQ(check(of(0, {unanswered, get(0, 10, 11), get(0, 90, 91)}), {}), verdict::linearizable);
  EXPECT_EQ(check(of(0, {unanswered, get(0, 10, 11), get(1, 90, 91)}), {}), verdict::linearizable);
  EXPECT_EQ(check(of(0, {unanswered, get(0, 10, 11), get(1, 20, 21), get(0, 90, 91)}), {}), verdict::violated);
}

TEST(checker, does_not_let_an_unanswered_delete_take_effect_twice) {
  operation const unanswered{action::erase, absent, 0, never, 0};
  EXPECT_EQ(check(of(0, {unanswered, get(absent, 10, 11), put(1, 12, 13)}), {}), verdict::violated);
  operation const created{action::create, 1, 12, 13, 0};
  EXPECT_EQ(check(of(0, {unanswered, get(absent, 10, 11), created, get(1, 14, 15)}), {}), verdict::linearizable);
  EXPECT_EQ(check(of(0, {unanswered, get(absent, 10, 11), created, get(absent, 14, 15)}), {}), verdict::violated);
}

TEST(checker, takes_operations_that_touch_for_concurrent) {
  EXPECT_EQ(check(of(0, {put(1, 0, 5), get(0, 5, 6)}), {}), verdict::linearizable);
}

TEST(checker, is_undecided_when_its_effort_is_spent) {
  std::mt19937 random(3);
  history_shape const shape{.operations = 2000, .connections = 8};
  auto const whole = sound_history(random, shape);
  EXPECT_EQ(search(whole, {.configurations_max = 10}), verdict::undecided);
  EXPECT_EQ(search(whole, {.until = std::chrono::steady_clock::time_point::min()}), verdict::undecided);
  EXPECT_EQ(search(whole, {}), verdict::linearizable);
}

}  // namespace
}  // namespace holdfast::client::verify
