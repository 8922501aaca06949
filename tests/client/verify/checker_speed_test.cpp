// What a user waits for after a run: a million operations are to be judged in ten seconds. A clock in a test fails on a
// busy machine, as this one did (23 s beside three compilers, 4 s alone), so the search is held to its work: it may
// keep no more configurations than there are operations. How long that takes is printed.
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <vector>

#include "client/load/verify/checker.hpp"
#include "tests/client/verify/random_history.hpp"

namespace holdfast::client::verify {
namespace {

// Sanitizers make it several times slower, which says nothing.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t operations = 100'000;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
constexpr std::size_t operations = 100'000;
#else
constexpr std::size_t operations = 1'000'000;
#endif
#else
constexpr std::size_t operations = 1'000'000;
#endif

void expect_judged_with_little_work(std::size_t keys, history_shape shape) {
  std::mt19937 random(1);
  shape.operations = operations / keys;
  std::vector<history> all;
  for (std::size_t i = 0; i < keys; ++i) all.push_back(sound_history(random, shape));
  auto const began = std::chrono::steady_clock::now();
  for (auto const& one : all) ASSERT_EQ(check(one, {.configurations_max = shape.operations}), verdict::linearizable);
  std::chrono::duration<double> const took = std::chrono::steady_clock::now() - began;
  std::cout << operations << " operations judged in " << took.count() << " s\n";
}

TEST(checker_speed, a_thousand_keys) {
  expect_judged_with_little_work(1000, {.connections = 8, .unanswered_share = 0.001, .latency_max = 100});
}

TEST(checker_speed, a_thousand_keys_with_all_connections_on_each) {
  expect_judged_with_little_work(1000, {.connections = 256, .unanswered_share = 0.001, .latency_max = 10'000});
}

TEST(checker_speed, one_key_that_256_connections_fight_for) {
  expect_judged_with_little_work(
      1, {.connections = 256, .delete_share = 0, .unanswered_share = 0.0001, .latency_max = 100'000});
}

TEST(checker_speed, one_key_that_256_connections_delete_and_create) {
  expect_judged_with_little_work(1, {.connections = 256, .unanswered_share = 0.0001, .latency_max = 100'000});
}

}  // namespace
}  // namespace holdfast::client::verify
