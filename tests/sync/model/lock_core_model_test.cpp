#include "tests/sync/model/lock_core_model.hpp"

#include <gtest/gtest.h>

namespace holdfast::sync::model {
namespace {

/// Two threads: every execution. Three threads: every execution with up to three preemptions, about a million. A run
/// with four preemptions, a hundred times as many, was done once by hand and found nothing.
constexpr search everything{search::all};
constexpr search three_preemptions{search::bounded, 3};
constexpr search two_preemptions{search::bounded, 2};  // for models where three preemptions take a minute

#define EXPECT_AS_EXPECTED(explored)                            \
  do {                                                          \
    outcome const o = explored;                                 \
    EXPECT_TRUE(o.as_expected) << o.report;                     \
    RecordProperty("executions", std::to_string(o.executions)); \
  } while (false)

class lock_core_model_test : public testing::Test {};

TEST_F(lock_core_model_test, two_threads_exclude_each_other_and_nobody_is_forgotten) {
  EXPECT_AS_EXPECTED(two_lock(everything));
}
TEST_F(lock_core_model_test, three_threads_exclude_each_other_and_nobody_is_forgotten) {
  EXPECT_AS_EXPECTED(three_lock(three_preemptions));
}
TEST_F(lock_core_model_test, waiter_either_withdraws_or_owns) {
  EXPECT_AS_EXPECTED(one_of_two_gives_up(everything));
}
TEST_F(lock_core_model_test, waiter_that_withdraws_among_three_costs_nobody_the_lock) {
  EXPECT_AS_EXPECTED(one_of_three_gives_up(three_preemptions));
}
TEST_F(lock_core_model_test, threads_that_spin_exclude_others_and_may_queue_then) {
  EXPECT_AS_EXPECTED(three_spin(three_preemptions));
  EXPECT_AS_EXPECTED(one_of_two_spins(everything));
  EXPECT_AS_EXPECTED(one_of_two_spins_and_queues(everything));
  EXPECT_AS_EXPECTED(one_of_three_spins_and_queues(three_preemptions));
}
TEST_F(lock_core_model_test, thread_that_spins_does_not_overtake_a_waiter) {
  EXPECT_AS_EXPECTED(one_spins_behind_a_waiter(three_preemptions));
}
TEST_F(lock_core_model_test, next_owner_may_destroy_the_lock_as_soon_as_it_has_released) {
  EXPECT_AS_EXPECTED(next_owner_destroys_the_lock(everything));
}
TEST_F(lock_core_model_test, waiters_are_taken_out_while_the_owner_releases) {
  EXPECT_AS_EXPECTED(waiters_are_taken_out(everything));
}
TEST_F(lock_core_model_test, nobody_looks_at_a_context_whose_waiters_are_taken_out) {
  EXPECT_AS_EXPECTED(context_ends_beside_a_release(everything));
  EXPECT_AS_EXPECTED(context_ends_beside_a_shared_release(everything));
}
TEST_F(lock_core_model_test, readers_and_a_writer_exclude_each_other) {
  EXPECT_AS_EXPECTED(readers_and_a_writer(three_preemptions));
}
TEST_F(lock_core_model_test, writer_that_gives_up_lets_the_readers_in) {
  EXPECT_AS_EXPECTED(writer_gives_up(three_preemptions));
}
TEST_F(lock_core_model_test, last_owner_of_an_orphaned_lock_is_told_and_no_other) {
  EXPECT_AS_EXPECTED(last_owner_is_told(three_preemptions));
}

TEST_F(lock_core_model_test, thread_that_only_tries_costs_nobody_the_lock) {
  EXPECT_AS_EXPECTED(one_of_three_tries(three_preemptions));
}
TEST_F(lock_core_model_test, waiters_own_in_the_order_of_asking) {
  EXPECT_AS_EXPECTED(waiters_own_in_order(three_preemptions));
}
TEST_F(lock_core_model_test, two_waiters_withdraw_while_the_owner_releases) {
  EXPECT_AS_EXPECTED(two_waiters_give_up(three_preemptions));
}
TEST_F(lock_core_model_test, delivery_ends_before_its_context_does) {
  EXPECT_AS_EXPECTED(delivery_ends_before_its_context(everything));
}
TEST_F(lock_core_model_test, abandoned_shared_lock_is_freed_once_and_not_asked_afterwards) {
  EXPECT_AS_EXPECTED(shared_lock_is_abandoned(two_preemptions));
}
TEST_F(lock_core_model_test, writer_that_becomes_a_reader_is_not_overwritten) {
  EXPECT_AS_EXPECTED(a_writer_downgrades(two_preemptions));
}
TEST_F(lock_core_model_test, permits_are_neither_lost_nor_made) {
  EXPECT_AS_EXPECTED(three_share_a_permit(two_preemptions));
  EXPECT_AS_EXPECTED(one_gives_up_its_permit(two_preemptions));
}
TEST_F(lock_core_model_test, event_forgets_nobody) {
  EXPECT_AS_EXPECTED(waiters_see_an_event(two_preemptions));
}
TEST_F(lock_core_model_test, notification_is_not_missed_between_looking_and_waiting) {
  EXPECT_AS_EXPECTED(notification_is_not_missed(three_preemptions));
}

TEST_F(lock_core_model_test, model_notices_a_shared_lock_that_is_orphaned_before_all_are_told) {
  EXPECT_AS_EXPECTED(shared_lock_is_abandoned_too_early(two_preemptions));
}
TEST_F(lock_core_model_test, model_notices_a_shared_lock_that_is_released_without_release) {
  EXPECT_AS_EXPECTED(weak_shared_release(three_preemptions));
  EXPECT_AS_EXPECTED(weak_downgrade(two_preemptions));
}
TEST_F(lock_core_model_test, model_notices_permits_without_acquire_or_release) {
  EXPECT_AS_EXPECTED(weak_release_of_permits(two_preemptions));
  EXPECT_AS_EXPECTED(weak_acquire_of_permits(two_preemptions));
  EXPECT_AS_EXPECTED(weak_look_at_an_event(two_preemptions));
}
TEST_F(lock_core_model_test, model_notices_a_withdrawal_beside_another_that_does_not_look_again) {
  EXPECT_AS_EXPECTED(blind_withdrawal_beside_another(three_preemptions));
}
TEST_F(lock_core_model_test, model_notices_a_waiter_that_unlocks_before_it_queues_for_a_notification) {
  EXPECT_AS_EXPECTED(unlock_before_queueing_for_a_notification(three_preemptions));
}

TEST_F(lock_core_model_test, model_notices_a_queue_that_is_left_without_release) {
  EXPECT_AS_EXPECTED(weak_release_of_the_queue(three_preemptions));
}
TEST_F(lock_core_model_test, model_notices_a_lock_that_is_taken_without_acquire) {
  EXPECT_AS_EXPECTED(weak_acquire(three_preemptions));
}
TEST_F(lock_core_model_test, model_notices_a_lock_that_is_taken_by_spinning_without_acquire) {
  EXPECT_AS_EXPECTED(weak_acquire_by_spinning(three_preemptions));
}
TEST_F(lock_core_model_test, model_notices_a_free_lock_that_is_looked_at_without_acquire) {
  EXPECT_AS_EXPECTED(weak_look(everything));
  EXPECT_AS_EXPECTED(weak_shared_look(everything));
}
TEST_F(lock_core_model_test, model_notices_an_unlock_without_release) {
  EXPECT_AS_EXPECTED(weak_release(three_preemptions));
}
TEST_F(lock_core_model_test, model_notices_an_unlock_that_does_not_look_again_for_waiters) {
  EXPECT_AS_EXPECTED(unlock_without_looking_again(three_preemptions));
}
TEST_F(lock_core_model_test, model_notices_a_withdrawal_that_does_not_look_again_for_a_grant) {
  EXPECT_AS_EXPECTED(withdrawal_without_looking_again(three_preemptions));
}

}  // namespace
}  // namespace holdfast::sync::model
