#pragma once
#include <cstdint>
#include <string>

/// The lock's core explored by a model checker (Relacy): every interleaving of the threads' steps, up to a bound where
/// said, with every value that a weakly ordered load may see.
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

/// Broken on purpose; as expected means that the checker found it.
outcome weak_release_of_the_queue(search how);
outcome weak_acquire(search how);
outcome weak_acquire_by_spinning(search how);
outcome weak_look(search how);
outcome weak_shared_look(search how);
outcome weak_release(search how);
outcome unlock_without_looking_again(search how);
outcome withdrawal_without_looking_again(search how);

}  // namespace holdfast::sync::model
