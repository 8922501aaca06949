#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

using revision_number = std::uint64_t;  ///< of the database, +1 for each change; 0: not known
using key_number = std::uint32_t;

constexpr key_number counter_keys = 0x8000'0000;  ///< set in the numbers of keys that hold a count
constexpr key_number no_key = 0xFFFF'FFFF;
constexpr value_number not_shown = absent - 1;  ///< a version whose value the answer leaves out

/// A key's name behind the run's prefix: `17`, or `c17` of a counter.
[[nodiscard]] std::string name_of_key(key_number key);
/// The order in which the server lists keys: that of their bytes.
[[nodiscard]] bool is_listed_before(key_number one, key_number other);

/// One thing that an answer states about one key. `at` is the revision after which it is true; of a change its own.
struct fact {
  enum class kind : std::uint8_t {
    version,    ///< the key had the value that change `version` wrote
    none,       ///< it had no value
    some,       ///< it had some value
    put,        ///< change `at` wrote `value`, to last for `extra` nanoseconds (0: without end)
    add,        ///< change `at` added `extra` to a count and so made it `value`
    remove,     ///< change `at` removed the value, as this client asked
    gone,       ///< of an event: change `at` removed the value, as somebody asked
    expire,     ///< of an event: change `at` removed the value since its time was over
    condition,  ///< of a refusal: the key did not have `version` (0: was not absent), or another condition was not met
  };
  kind what = kind::version;
  key_number key = 0;
  revision_number at = 0;  ///< 0: not known; of a change that was never answered, or of a plain get
  revision_number version = 0;
  value_number value = not_shown;
  std::int64_t extra = 0;
};

[[nodiscard]] constexpr bool is_change(fact const& one) noexcept {
  return one.what == fact::kind::put || one.what == fact::kind::add || one.what == fact::kind::remove;
}

/// What was asked for.
enum class deed : std::uint8_t { get, put, remove, list, transaction, increment, event };

/// A request with what its answer states, or an event of a watch.
struct observation {
  deed what = deed::get;
  instant invoked = 0;
  instant responded = never;  ///< never: not answered. Its changes may have happened at any time since, or not at all
  std::uint32_t connection = 0;
  revision_number at = 0;  ///< the revision that the answer states; of changes that of the last. 0: none
  std::uint64_t facts_begin = 0, facts_end = 0;  ///< in stated_history::facts, in the order of the request's parts
  key_number after = no_key;                     ///< of a list: it begins behind this key
  bool to_the_end = false;                       ///< of a list: there was no next page
};

/// What a watcher was sent over one stream, in order of arrival.
struct watched {
  revision_number from = 0;             ///< it was promised all changes behind this one
  std::vector<std::size_t> operations;  ///< its events
  bool is_whole = false;                ///< it was promised all changes up to the last
};

struct stored_before {
  key_number key = 0;
  revision_number revision = 0;
  value_number value = absent;
};

/// A run whose answers state revisions: everything that was asked for and what came of it.
struct stated_history {
  std::vector<stored_before> initial;
  std::vector<observation> operations;
  std::vector<fact> facts;
  std::vector<watched> watchers;
};

enum class order_violation : std::uint8_t {
  lost_update,            ///< a change was overwritten by one that had not seen it, or was answered and never seen
  stale_read,             ///< an answer shows what had been replaced by then
  stale_list,             ///< a list shows what had been replaced or deleted by then, or leaves out what was there
  write_skew,             ///< two transactions each read what the other one wrote, as it was before
  torn_transaction,       ///< a part of a transaction was seen without the others
  lost_write,             ///< a value was stored, never removed, and not there
  created_twice,          ///< a key was created that was there since it had been created
  returned_after_delete,  ///< a value was there after it had been deleted
  expired_value,          ///< a value was there after its time
  time_backwards,         ///< a change has a lower revision than what was over before it was asked for
  foreign_value,          ///< a value was shown that no request of the run has stored
  same_revision,          ///< two changes state the same revision
  applied_twice,          ///< one request shows as two changes
  wrong_refusal,          ///< a condition was met and refused all the same
  wrong_status,           ///< an answer states that there was a value, and there can't have been
  missed_change,          ///< a watcher did not receive a change
  repeated_change,        ///< a watcher received a change twice, or of an older one after a newer one
  foreign_change,         ///< a watcher received a removal that nobody asked for
};
constexpr std::size_t order_violations = 18;

/// Stable names: `lost_update`, `write_skew`, …
[[nodiscard]] std::string_view name_of(order_violation kind) noexcept;
/// What is wrong, in a sentence without its full stop.
[[nodiscard]] std::string_view sentence_for(order_violation kind) noexcept;

/// Operations that can't all have been answered by a correct server, whatever the others were. Without any of them, the
/// rest can.
struct order_example {
  order_violation kind = order_violation::stale_read;
  key_number key = no_key;
  std::vector<std::size_t> operations;  ///< of the history, in order of invocation
};

struct order_verdict {
  std::uint64_t violations = 0;
  std::vector<order_example> examples;  ///< of the first ones, each kind at least once
  std::uint64_t changes = 0;            ///< that were replayed
  /// That must have happened although no answer or event showed them: expiries, unanswered writes.
  std::uint64_t hidden_changes = 0;
};

/// The history of some operations alone. Whatever else was done is as good as unknown: a version that nobody in it
/// wrote was written by somebody else.
[[nodiscard]] stated_history restricted(stated_history const& whole, std::vector<std::size_t> const& operations);

/// Checks strict serializability in n log n.
///
/// The order is not searched for: each answer states its place, the revision. So the changes are replayed by revision,
/// and every answer is compared with the state at its own. Then real time is checked: what was over before another
/// began must not have a higher revision. A plain get states only the revision of the value it shows; it stands
/// anywhere from there up to the next change of its key, and is put at the lowest place that real time leaves it: if
/// that is too high, so is every other.
///
/// A revision that no answer or event showed may be an unanswered change, an expiry, or another client's change of
/// other keys. An answer that can only be explained by such a change needs one of the right kind: an unanswered
/// request, of which each explains one change, or an expiry, not before its time. It also needs a revision that is
/// free. Both are checked, each by matching the earliest deadline first. A right server is never accused. A wrong one
/// could escape only where an unanswered request hides it.
[[nodiscard]] order_verdict check_stated_order(stated_history const& whole, std::size_t examples_max = 3);

}  // namespace holdfast::client::verify
