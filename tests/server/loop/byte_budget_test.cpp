#include "server/loop/byte_budget.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

namespace holdfast::server {
namespace {

TEST(byte_budget, gives_all_of_it_and_no_byte_more) {
  byte_budget whole(100);
  EXPECT_EQ(whole.bytes_max(), 100U);
  EXPECT_TRUE(whole.take(60));
  EXPECT_TRUE(whole.take(40));
  EXPECT_EQ(whole.used(), 100U);
  EXPECT_TRUE(whole.take(0));
  EXPECT_FALSE(whole.take(1));
}

TEST(byte_budget, a_refusal_takes_nothing) {
  byte_budget whole(100);
  ASSERT_TRUE(whole.take(60));
  EXPECT_FALSE(whole.take(41));
  EXPECT_EQ(whole.used(), 60U);
  EXPECT_TRUE(whole.take(40)) << "others get what is left";
}

TEST(byte_budget, what_is_given_back_can_be_taken_again) {
  byte_budget whole(100);
  ASSERT_TRUE(whole.take(100));
  whole.give_back(30);
  EXPECT_EQ(whole.used(), 70U);
  EXPECT_TRUE(whole.take(30));
  EXPECT_FALSE(whole.take(1));
}

TEST(byte_budget, never_gives_more_than_there_is_whoever_asks) {
  byte_budget whole(1000);
  std::atomic<std::uint64_t> taken{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int j = 0; j < 1000; ++j)
          if (whole.take(3)) taken += 3;
      });
  }
  EXPECT_LE(taken, 1000U);
  EXPECT_EQ(whole.used(), taken);
}

TEST(share_of_a_byte_budget, takes_only_what_it_does_not_have_yet) {
  byte_budget whole(100);
  byte_budget::share one(whole);
  EXPECT_TRUE(one.grow_to(40));
  EXPECT_TRUE(one.grow_to(90));
  EXPECT_EQ(whole.used(), 90U);
}

TEST(share_of_a_byte_budget, never_shrinks) {
  byte_budget whole(100);
  byte_budget::share one(whole);
  ASSERT_TRUE(one.grow_to(90));
  EXPECT_TRUE(one.grow_to(10));
  EXPECT_EQ(whole.used(), 90U);
  EXPECT_TRUE(one.grow_to(100));
  EXPECT_EQ(whole.used(), 100U);
}

TEST(share_of_a_byte_budget, keeps_what_it_has_where_there_is_no_more) {
  byte_budget whole(100);
  byte_budget::share one(whole);
  byte_budget::share other(whole);
  ASSERT_TRUE(one.grow_to(60));
  ASSERT_TRUE(other.grow_to(30));
  EXPECT_FALSE(one.grow_to(71));
  EXPECT_EQ(whole.used(), 90U);
  EXPECT_TRUE(one.grow_to(70));
  one.release();
  EXPECT_EQ(whole.used(), 30U) << "the refused bytes were not its own";
}

TEST(share_of_a_byte_budget, is_given_back_once) {
  byte_budget whole(100);
  {
    std::optional<byte_budget::share> one(std::in_place, whole);
    ASSERT_TRUE(one->grow_to(60));
    one->release();
    EXPECT_EQ(whole.used(), 0U);
    one->release();
    EXPECT_EQ(whole.used(), 0U);
    EXPECT_TRUE(one->grow_to(50)) << "it can be used again";
    EXPECT_EQ(whole.used(), 50U);
  }
  EXPECT_EQ(whole.used(), 0U);
}

TEST(share_of_a_byte_budget, gives_back_what_it_is_lowered_by) {
  byte_budget whole(100);
  byte_budget::share one(whole);
  ASSERT_TRUE(one.grow_to(90));
  one.lower_to(95);
  EXPECT_EQ(whole.used(), 90U);
  one.lower_to(30);
  EXPECT_EQ(whole.used(), 30U);
  EXPECT_TRUE(one.grow_to(40));
  EXPECT_EQ(whole.used(), 40U);
  one.raise_to(120);
  EXPECT_EQ(whole.used(), 120U) << "what is already allocated";
  one.release();
  EXPECT_EQ(whole.used(), 0U);
}

TEST(byte_budget, remembers_the_most_that_was_in_use_until_asked) {
  byte_budget whole(100);
  {
    byte_budget::share one(whole);
    ASSERT_TRUE(one.grow_to(40));
    one.raise_to(70);
    EXPECT_FALSE(whole.take(50)) << "refused, so never in use";
    one.lower_to(10);
  }
  EXPECT_EQ(whole.take_most(), 70U);
  EXPECT_EQ(whole.take_most(), 0U);
  ASSERT_TRUE(whole.take(60));
  EXPECT_EQ(whole.take_most(), 60U);
  EXPECT_EQ(whole.take_most(), 60U) << "still in use";
}

TEST(byte_budget, a_part_of_another_takes_from_both_and_leaves_the_rest_to_others) {
  byte_budget whole(100);
  byte_budget part(50, &whole);
  ASSERT_TRUE(part.take(40));
  EXPECT_EQ(whole.used(), 40U);
  EXPECT_FALSE(part.take(11));
  EXPECT_EQ(whole.used(), 40U);
  ASSERT_TRUE(whole.take(55));
  EXPECT_FALSE(part.take(6)) << "others have it";
  EXPECT_EQ(part.used(), 40U);
  {
    byte_budget::share one(part);
    one.raise_to(20);
    EXPECT_EQ(part.used(), 60U);
    EXPECT_EQ(whole.used(), 115U);
  }
  part.give_back(40);
  EXPECT_EQ(part.used(), 0U);
  EXPECT_EQ(whole.used(), 55U);
}

TEST(byte_budget, is_not_fooled_by_a_number_that_overflows) {
  byte_budget whole(100);
  ASSERT_TRUE(whole.take(60));
  EXPECT_FALSE(whole.take(std::uint64_t(-1)));
  EXPECT_EQ(whole.used(), 60U);
}

}  // namespace
}  // namespace holdfast::server
