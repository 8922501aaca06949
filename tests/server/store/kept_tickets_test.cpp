#include "server/store/kept_tickets.hpp"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

using keeper = kept_tickets::keeper;

struct a_kept_ticket : ::testing::Test {
  kept_tickets all;
};

TEST_F(a_kept_ticket, is_released_by_the_last_of_its_connections) {
  keeper first(all, "a"), second(all, "a"), other(all, "b");
  first.has_got_it();
  second.has_got_it();
  EXPECT_TRUE(first.leave_to_others());
  EXPECT_FALSE(second.leave_to_others()) << "it is the last";
  EXPECT_TRUE(second.leave());
  EXPECT_FALSE(second.leave()) << "once";
}

TEST_F(a_kept_ticket, is_left_alone_by_a_connection_that_asked_in_vain) {
  keeper refused(all, "a");
  EXPECT_TRUE(refused.leave_to_others());
  keeper next(all, "a");
  EXPECT_FALSE(next.leave());
}

// Neither the keeper, which was not the last, nor the last, which had never got it, released the ticket.
TEST_F(a_kept_ticket, is_released_by_the_last_also_if_only_an_earlier_one_got_it) {
  keeper holder(all, "a"), refused(all, "a");
  holder.has_got_it();
  EXPECT_TRUE(holder.leave_to_others());
  EXPECT_FALSE(refused.leave_to_others());
  EXPECT_TRUE(refused.leave());
}

// The last waits for the store's lock; the client may be back before that.
TEST_F(a_kept_ticket, is_not_released_if_another_connection_comes_before_the_last_has_the_lock) {
  keeper last(all, "a");
  last.has_got_it();
  EXPECT_FALSE(last.leave_to_others());
  keeper next(all, "a");
  EXPECT_FALSE(last.leave());
  EXPECT_FALSE(next.leave_to_others()) << "now it has the duty";
  EXPECT_TRUE(next.leave());
}

}  // namespace
}  // namespace holdfast::server
