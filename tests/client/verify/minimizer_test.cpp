#include "client/load/verify/minimizer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "client/load/verify/checker.hpp"
#include "tests/client/verify/operations.hpp"
#include "tests/client/verify/random_history.hpp"

namespace holdfast::client::verify {
namespace {

/// Whether the shown operations are among those of the whole, each as it was or without what it told of the value
/// before.
bool is_part_of(history const& shown, history const& whole) {
  return std::ranges::all_of(shown.operations, [&](operation const& one) {
    return std::ranges::any_of(whole.operations, [&](operation const& other) {
      auto const blind = other.value == absent ? action::erase : action::write;
      return one.value == other.value && one.invoked == other.invoked && one.responded == other.responded &&
             (one.what == other.what || (is_write(other) && one.what == blind));
    });
  });
}

/// Taken from the contract, apart from the minimizer: what is left without one operation, when all goes with it that
/// could rest on a write which is not shown.
history without(history const& shown, std::size_t number, history const& whole) {
  auto rest = shown.operations;
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(number));
  std::vector<operation> hidden;
  for (auto const& one : whole.operations) {
    auto const is_shown = std::ranges::any_of(rest, [&](operation const& other) {
      return is_write(other) && other.value == one.value && other.invoked == one.invoked &&
             other.responded == one.responded;
    });
    if (is_write(one) && !is_shown) hidden.push_back(one);
  }
  auto const may_rest_on = [&](operation const& one, operation const& write) {
    if (one.what == action::read && one.value != absent) return write.value == one.value;
    auto const wants_absence = one.what == action::create || one.what == action::read;
    if (one.what == action::write || one.what == action::erase || wants_absence != (write.value == absent))
      return false;
    auto const is_hidden_between = std::ranges::any_of(rest, [&](operation const& other) {
      return is_write(other) && precedes(write, other) && precedes(other, one);
    });
    return write.invoked <= one.responded && !is_hidden_between;
  };
  auto const all = rest;
  rest.clear();
  for (auto one : all) {
    if (std::ranges::any_of(hidden, [&](auto const& write) { return may_rest_on(one, write); })) {
      if (!is_write(one)) continue;
      one.what = one.value == absent ? action::erase : action::write;
    }
    rest.push_back(one);
  }
  return {shown.initial, rest};
}

void expect_is_a_minimal_proof(counter_example const& found, history const& whole) {
  ASSERT_TRUE(found.is_minimal);
  EXPECT_TRUE(is_part_of(found.shown, whole));
  EXPECT_EQ(check(found.shown, {}), verdict::violated);
  for (std::size_t i = 0; i < found.shown.operations.size(); ++i)
    EXPECT_EQ(check(without(found.shown, i, whole), {}), verdict::linearizable) << "without " << i;
}

TEST(minimizer, leaves_nothing_that_could_go) {
  std::mt19937 random(17);
  std::map<violation, int> kinds;
  for (int round = 0; round < 6000; ++round) {
    history_shape shape{.operations = 30, .connections = 4};
    if (round % 3 == 0) shape.delete_share = 0;
    if (round % 5 == 0) shape.conditions = false;
    auto const whole = round % 4 == 0 ? wild_history(random, shape) : damaged_history(random, shape);
    if (check(whole, {}) != verdict::violated) continue;
    auto const found = minimize(whole);
    expect_is_a_minimal_proof(found, whole);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
    ++kinds[found.kind];
  }
  // All kinds have come up.
  for (auto const kind :
       {violation::foreign_value, violation::read_before_written, violation::lost_update, violation::stale_read,
        violation::returned_after_delete, violation::lost_value, violation::wrong_status})
    EXPECT_GT(kinds[kind], 5) << name_of(kind);
}

TEST(minimizer, finds_the_same_each_time) {
  std::mt19937 random(23);
  auto whole = damaged_history(random, {.operations = 300});
  while (check(whole, {}) != verdict::violated) whole = damaged_history(random, {.operations = 300});
  auto const first = minimize(whole), second = minimize(whole);
  EXPECT_EQ(first.shown.operations, second.shown.operations);
}

TEST(minimizer, leaves_one_read_of_a_foreign_value) {
  auto const found = minimize(of(0, {put(1, 0, 1), get(1, 2, 3), get(9, 4, 5), put(2, 6, 7)}));
  EXPECT_EQ(found.kind, violation::foreign_value);
  EXPECT_EQ(found.shown.operations, std::vector{get(9, 4, 5)});
}

TEST(minimizer, names_a_lost_update) {
  auto const found = minimize(of(0, {get(0, 0, 1), put(1, 2, 3), get(0, 4, 5), put(2, 6, 7), get(2, 8, 9)}));
  EXPECT_EQ(found.kind, violation::lost_update);
  operation const blind_put{action::write, 1, 2, 3, 0};
  EXPECT_EQ(found.shown.operations, (std::vector{blind_put, get(0, 4, 5)}));
}

TEST(minimizer, names_a_stale_read) {
  auto const found = minimize(of(0, {put(1, 2, 3), get(1, 4, 5), get(0, 6, 7)}));
  EXPECT_EQ(found.kind, violation::stale_read);
  EXPECT_EQ(found.shown.operations.size(), 2U);
}

TEST(minimizer, names_a_value_that_came_back) {
  auto const found = minimize(of(0, {put(1, 0, 1), del(2, 3), get(1, 4, 5)}));
  EXPECT_EQ(found.kind, violation::returned_after_delete);
  // The delete says it all: the put is needed to know where the value came from.
  EXPECT_EQ(found.shown.operations.size(), 3U);
}

TEST(minimizer, names_a_value_that_vanished_and_shows_that_no_delete_explains_it) {
  auto const found = minimize(of(0, {del(0, 1), {action::create, 1, 2, 3, 0}, get(absent, 4, 5)}));
  EXPECT_EQ(found.kind, violation::lost_value);
  operation const blind_put{action::write, 1, 2, 3, 0};
  EXPECT_EQ(found.shown.operations, (std::vector{blind_put, get(absent, 4, 5)}));
}

TEST(minimizer, names_a_value_that_was_deleted_twice) {
  auto const found = minimize(of(0, {del(0, 5), del(1, 6)}));
  EXPECT_EQ(found.kind, violation::wrong_status);
  EXPECT_EQ(found.shown.operations, (std::vector{del(0, 5), del(1, 6)}));
}

TEST(minimizer, shows_the_first_violation_of_several) {
  auto const found = minimize(of(0, {put(1, 0, 1), get(0, 2, 3), put(2, 10, 11), get(0, 12, 13)}));
  EXPECT_EQ(found.shown.operations.back(), get(0, 2, 3));
}

}  // namespace
}  // namespace holdfast::client::verify
