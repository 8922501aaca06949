#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

using revision_number = std::uint64_t;  ///< of the database, +1 per change; 0 if unknown
using key_number = std::uint32_t;

constexpr key_number counter_keys = 0x8000'0000;  ///< set in the numbers of keys that contain counters
constexpr key_number no_key = 0xFFFF'FFFF;
constexpr value_number not_shown = absent - 1;  ///< a version whose value is not in the answer

/// A key's name without the run's prefix: `17`, or `c17` for a counter.
[[nodiscard]] std::string name_of_key(key_number key);
/// The order in which the server lists keys, by their bytes.
[[nodiscard]] bool is_listed_before(key_number one, key_number other);

/// One statement of an answer about one key. `at` is the revision after which it is true; for a change, its own.
struct fact {
  enum class kind : std::uint8_t {
    version,    ///< the key had the value written by change `version`
    none,       ///< the key had no value
    some,       ///< the key had some value
    put,        ///< change `at` wrote `value` with a time to live of `extra` nanoseconds (0 for none)
    add,        ///< change `at` added `extra` to a counter, with the result `value`
    remove,     ///< change `at` removed the value, by a request of this client
    gone,       ///< from an event: change `at` removed the value, by a request of any client
    expire,     ///< from an event: change `at` removed the value because it had expired
    condition,  ///< from a refusal: the key did not have `version` (0: was not absent), or another condition was not
                ///< met
  };
  kind what = kind::version;
  key_number key = 0;
  revision_number at = 0;  ///< 0 if unknown, as for an unanswered change or a plain get
  revision_number version = 0;
  value_number value = not_shown;
  std::int64_t extra = 0;
};

[[nodiscard]] constexpr bool is_change(fact const& one) noexcept {
  return one.what == fact::kind::put || one.what == fact::kind::add || one.what == fact::kind::remove;
}

/// The kind of request.
enum class deed : std::uint8_t { get, put, remove, list, transaction, increment, event };

/// A request with the statements of its answer, or an event of a watch.
struct observation {
  deed what = deed::get;
  instant invoked = 0;
  instant responded =
      never;  ///< never if unanswered; its changes may then have happened at any later time, or not at all
  std::uint32_t connection = 0;
  revision_number at = 0;  ///< the revision in the answer; for changes, that of the last one; 0 if none
  std::uint64_t facts_begin = 0,
                facts_end = 0;  ///< range in stated_history::facts, in the order of the request's parts
  key_number after = no_key;    ///< for a list: it begins after this key
  bool to_the_end = false;      ///< for a list: there was no next page
};

/// The events that a watcher received on one stream, in order of arrival.
struct watched {
  revision_number from = 0;             ///< it must receive all changes after this one
  std::vector<std::size_t> operations;  ///< its events
  bool is_whole = false;                ///< it must receive all changes up to the last
};

struct stored_before {
  key_number key = 0;
  revision_number revision = 0;
  value_number value = absent;
};

/// A run whose answers state revisions: all requests and their results.
struct stated_history {
  std::vector<stored_before> initial;
  std::vector<observation> operations;
  std::vector<fact> facts;
  std::vector<watched> watchers;
};

enum class order_violation : std::uint8_t {
  lost_update,            ///< a change was overwritten by one that had not seen it, or was answered and never seen
  stale_read,             ///< an answer shows a value that was already replaced
  stale_list,             ///< a list shows a value that was already replaced or deleted, or omits an existing key
  write_skew,             ///< two transactions each read the old state of what the other one wrote
  torn_transaction,       ///< a part of a transaction was seen without the others
  lost_write,             ///< a value was stored, never removed, and is missing
  created_twice,          ///< a key was created although it already existed
  returned_after_delete,  ///< a value was there after it had been deleted
  expired_value,          ///< a value was there after its time to live
  time_backwards,         ///< a change has a lower revision than an operation that ended before its request
  foreign_value,          ///< a value was shown that no request of the run has stored
  same_revision,          ///< two changes state the same revision
  applied_twice,          ///< one request appears as two changes
  wrong_refusal,          ///< a request was refused although its condition was met
  wrong_status,           ///< an answer states that there was a value, which is impossible
  missed_change,          ///< a watcher did not receive a change
  repeated_change,        ///< a watcher received a change twice, or an older one after a newer one
  foreign_change,         ///< a watcher received a removal that was not requested
};
constexpr std::size_t order_violations = 18;

/// Stable names: `lost_update`, `write_skew`, …
[[nodiscard]] std::string_view name_of(order_violation kind) noexcept;
/// A description of the violation: a sentence without its full stop.
[[nodiscard]] std::string_view sentence_for(order_violation kind) noexcept;

/// Operations whose answers together are impossible for a correct server, whatever the others were. Minimal: without
/// any one of them, the others are possible.
struct order_example {
  order_violation kind = order_violation::stale_read;
  key_number key = no_key;
  std::vector<std::size_t> operations;  ///< indexes into the history, in order of invocation
};

struct order_verdict {
  std::uint64_t violations = 0;
  std::uint64_t violated_keys = 0;      ///< keys with a violation; a counter counts as the key of its number
  std::vector<order_example> examples;  ///< the first violations, at least one of each kind
  std::uint64_t changes = 0;            ///< number of replayed changes
  /// Number of changes that must have happened although no answer or event shows them: expiries, unanswered writes.
  std::uint64_t hidden_changes = 0;
};

/// The history of some operations only. All others are treated as unknown: a version that none of these operations
/// wrote was written by another client.
[[nodiscard]] stated_history restricted(stated_history const& whole, std::vector<std::size_t> const& operations);

/// Checks strict serializability in n log n.
///
/// No search is needed, since every answer states its position in the order, the revision. The changes are replayed by
/// revision, and every answer is compared with the state at its own revision. Then real time is checked: an operation
/// that ended before another began must not have a higher revision. A plain get states only the revision of its value;
/// its position is anywhere from there up to the next change of the key. It gets the lowest position that real time
/// permits: if that is too high, so are all others.
///
/// A revision that no answer or event shows may be an unanswered change, an expiry, or another client's change of other
/// keys. An answer that can only be explained by such a change needs one of the right kind: an unanswered request, each
/// of which explains one change, or an expiry that is not too early. It also needs a free revision. Both are checked by
/// matching the earliest deadline first. A correct server is never reported. A violation is missed only if an
/// unanswered request hides it.
[[nodiscard]] order_verdict check_stated_order(stated_history const& whole, std::size_t examples_max = 3);

}  // namespace holdfast::client::verify
