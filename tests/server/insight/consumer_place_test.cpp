#include "server/insight/consumer_place.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace holdfast::server {
namespace {

TEST(consumer_place, is_refused_to_whoever_comes_when_all_are_taken) {
  consumer_limit limit(2);
  consumer_place const first(limit), second(limit), third(limit);
  EXPECT_TRUE(first.is_taken());
  EXPECT_TRUE(second.is_taken());
  EXPECT_FALSE(third.is_taken());
  EXPECT_EQ(limit.taken(), 2U);
}

TEST(consumer_place, is_free_again_when_its_consumer_has_gone) {
  consumer_limit limit(1);
  std::optional<consumer_place> first(std::in_place, limit);
  EXPECT_FALSE(consumer_place(limit).is_taken());
  first.reset();
  EXPECT_TRUE(consumer_place(limit).is_taken());
  EXPECT_EQ(limit.taken(), 0U) << "one that was refused gives nothing back";
}

}  // namespace
}  // namespace holdfast::server
