#include "client/load/key_choice.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <vector>

namespace holdfast::client::load {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using kind = key_choice::kind;

std::vector<int> hits_of(key_choice const& choice, std::uint32_t keys, int draws) {
  key_chooser chooser(choice, keys, {});
  random_numbers random(1);
  std::vector<int> hits(keys);
  for (int i = 0; i < draws; ++i) ++hits.at(chooser.choose(random));
  return hits;
}

TEST(key_choice, is_read_and_written_as_people_write_it) {
  for (auto const* text : {"uniform", "sequential", "zipfian:0.99", "scrambled:1.2", "latest:0.5"})
    EXPECT_EQ(format_key_choice(parse_key_choice(text).value()), text);
  EXPECT_EQ(parse_key_choice("zipfian").value(), (key_choice{kind::zipfian, 0.99}));
}

TEST(key_choice, says_what_would_be_right) {
  for (auto const* text : {"", "random", "zipf"})
    EXPECT_THAT(parse_key_choice(text).error().detail, HasSubstr("uniform, sequential, zipfian, scrambled and latest"));
  for (auto const* text : {"zipfian:", "zipfian:0", "zipfian:x", "zipfian:6", "latest:-1", "latest:nan"})
    EXPECT_THAT(parse_key_choice(text).error().detail, HasSubstr("above 0 and at most 5")) << text;
  EXPECT_THAT(parse_key_choice("uniform:1").error().detail, HasSubstr("has no constant"));
}

TEST(key_chooser, chooses_uniformly) {
  double chi_square = 0;
  for (auto const hit : hits_of({kind::uniform}, 100, 100'000)) chi_square += std::pow(hit - 1000, 2) / 1000;
  // 99 degrees of freedom: above 149 in one of 1,000 uniform samples; the seed is fixed.
  EXPECT_LT(chi_square, 149);
}

TEST(key_chooser, asks_for_key_0_most_when_zipfian) {
  auto const hits = hits_of({kind::zipfian, 0.99}, 1000, 100'000);
  EXPECT_EQ(std::ranges::max_element(hits), hits.begin());
  EXPECT_NEAR(double(hits[0]) / hits[1], std::pow(2, 0.99), 0.1);
}

TEST(key_chooser, scatters_the_same_law_when_scrambled) {
  for (auto const keys : {1U, 2U, 3U, 1000U, 1024U, 9973U}) {
    auto plain = hits_of({kind::zipfian, 0.99}, keys, 100'000);
    auto scattered = hits_of({kind::scrambled, 0.99}, keys, 100'000);
    if (keys >= 1000) {
      // The ten most popular lie anywhere: not all in the first tenth.
      auto const tenth = std::span(scattered).first(keys / 10);
      EXPECT_LT(std::ranges::count_if(tenth, [&](auto hit) { return hit >= plain[9]; }), 5) << keys;
    }
    std::ranges::sort(plain);
    std::ranges::sort(scattered);
    EXPECT_EQ(plain, scattered) << keys;
  }
}

TEST(key_chooser, goes_through_the_keys_in_order_and_begins_anew) {
  key_chooser chooser({kind::sequential}, 3, {});
  random_numbers random(1);
  std::vector<std::uint32_t> chosen;
  for (int i = 0; i < 5; ++i) chosen.push_back(chooser.choose(random));
  EXPECT_THAT(chosen, ElementsAre(0, 1, 2, 0, 1));
}

TEST(key_chooser, lets_threads_begin_apart) {
  random_numbers random(1);
  for (std::uint32_t thread = 0; thread < 4; ++thread) {
    key_chooser chooser({kind::sequential}, 100, {thread, 4});
    EXPECT_EQ(chooser.choose(random), 25 * thread);
  }
}

TEST(key_chooser, never_gives_two_threads_the_same_new_key) {
  std::set<std::uint32_t> taken;
  for (std::uint32_t thread = 0; thread < 3; ++thread) {
    key_chooser chooser({}, 10, {thread, 3}, 6);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(taken.insert(chooser.insert()).second);
  }
  EXPECT_EQ(*taken.begin(), 16U);
  EXPECT_EQ(*taken.rbegin(), 30U);
}

TEST(key_chooser, chooses_the_latest_most) {
  key_chooser chooser({kind::latest, 0.99}, 100, {});
  random_numbers random(1);
  for (int i = 0; i < 50; ++i) chooser.settle(chooser.insert(), true);
  std::vector<int> hits(150);
  for (int i = 0; i < 200'000; ++i) ++hits.at(chooser.choose(random));
  EXPECT_EQ(std::ranges::max_element(hits), hits.end() - 1);
  EXPECT_NEAR(double(hits[149]) / hits[148], std::pow(2, 0.99), 0.1);
  // The age of 50 is that of the newest key of the start.
  EXPECT_NEAR(double(hits[149]) / hits[99], std::pow(51, 0.99), 8);
}

TEST(key_chooser, chooses_no_key_whose_insert_or_one_before_it_has_no_answer) {
  key_chooser chooser({kind::latest, 0.99}, 10, {});
  random_numbers random(1);
  auto const newest = [&] {
    std::uint32_t found = 0;
    for (int i = 0; i < 2000; ++i) found = std::max(found, chooser.choose(random));
    return found;
  };
  auto const first = chooser.insert(), second = chooser.insert(), third = chooser.insert();
  EXPECT_EQ(newest(), 9U);
  chooser.settle(second, true);
  EXPECT_EQ(newest(), 9U);
  chooser.settle(first, false);
  EXPECT_EQ(newest(), second);
  chooser.settle(third, true);
  EXPECT_EQ(newest(), third);
  EXPECT_TRUE(chooser.may_be_missing(first));
  EXPECT_FALSE(chooser.may_be_missing(second));
}

}  // namespace
}  // namespace holdfast::client::load
