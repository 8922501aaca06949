#pragma once
#include <cstdint>
#include <string>

/// Explores the lock's core with a model checker (Relacy): every interleaving of the threads' steps (up to a bound if
/// one is given), with every value that a weakly ordered load may return.
namespace holdfast::sync::model {

struct search {
  enum { all, bounded, random } kind;
  unsigned preemptions = 0;      // for `bounded`
  std::uint64_t executions = 0;  // for `random`
};
struct outcome {
  bool as_expected;
  std::uint64_t executions;
  std::string report;
};

outcome two_lock(search how);
outcome three_lock(search how);
outcome one_of_two_gives_up(search how);
outcome one_of_three_gives_up(search how);
outcome three_spin(search how);
outcome one_of_two_spins(search how);
outcome one_of_two_spins_and_queues(search how);
outcome one_of_three_spins_and_queues(search how);
outcome one_spins_behind_a_waiter(search how);
outcome next_owner_destroys_the_lock(search how);
outcome waiters_are_taken_out(search how);
outcome context_ends_beside_a_release(search how);
outcome context_ends_beside_a_shared_release(search how);
outcome readers_and_a_writer(search how);
outcome writer_gives_up(search how);
outcome last_owner_is_told(search how);
outcome one_of_three_tries(search how);
outcome waiters_own_in_order(search how);
outcome two_waiters_give_up(search how);
outcome delivery_ends_before_its_context(search how);
outcome shared_lock_is_abandoned(search how);
outcome a_writer_downgrades(search how);
outcome three_share_a_permit(search how);
outcome one_gives_up_its_permit(search how);
outcome waiters_see_an_event(search how);
outcome notification_is_not_missed(search how);

/// Deliberately broken variants. The outcome is as expected if the checker finds the bug.
outcome weak_release_of_the_queue(search how);
outcome weak_acquire(search how);
outcome weak_acquire_by_spinning(search how);
outcome weak_look(search how);
outcome weak_shared_look(search how);
outcome weak_release(search how);
outcome unlock_without_looking_again(search how);
outcome withdrawal_without_looking_again(search how);
outcome shared_lock_is_abandoned_too_early(search how);
outcome weak_shared_release(search how);
outcome weak_downgrade(search how);
outcome weak_release_of_permits(search how);
outcome weak_acquire_of_permits(search how);
outcome weak_look_at_an_event(search how);
outcome blind_withdrawal_beside_another(search how);
outcome unlock_before_queueing_for_a_notification(search how);

}  // namespace holdfast::sync::model
