#pragma once

#include <random>

#include "client/load/verify/stated_order.hpp"

namespace holdfast::client::verify {

/// What a simulated server does wrong now and then.
enum class simulated_fault : std::uint8_t {
  none,
  lost_update,       ///< a conditional write is done although the key has changed
  stale_read,        ///< a get shows the version before
  stale_list,        ///< a list shows the state of some changes ago as that of now
  incomplete_list,   ///< a list leaves a key out
  write_skew,        ///< a transaction that reads one key and writes another reads its key as it was some changes ago
  torn_transaction,  ///< a list is answered when a transaction is half done
  lost_write,        ///< a put is answered and not done, and the key is absent afterwards
  ignored_put,       ///< a put is answered and not done, and the key stays as it was
  created_twice,     ///< a create is done and answered although the key is there
  undeleted,         ///< a delete is answered and not done
  late_revision,     ///< a put states the revision before
  double_apply,      ///< a put whose answer was lost is done once more, later
  late_expiry,       ///< a value is shown after its time
  wrong_refusal,     ///< a condition is met and refused
  lost_increment,    ///< two increments make the same number
  missed_event,      ///< a watcher is not told of a change
  repeated_event,    ///< it is told of one twice
  wrong_value,       ///< a get shows the value of another key
};

struct simulation {
  std::size_t operations = 40;
  std::uint32_t connections = 4;
  std::uint32_t keys = 4;
  double unanswered_share = 0.05;
  bool expires = true;
  bool deletes = true;
  simulated_fault fault = simulated_fault::none;
};

/// What a store of a few keys might have answered to a few connections, in virtual time: right by construction, but for
/// the fault.
stated_history simulate(std::mt19937& random, simulation const& how);

}  // namespace holdfast::client::verify
