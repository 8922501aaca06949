#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/entity_tag.hpp"
#include "protocol/error.hpp"
#include "protocol/json_text.hpp"

namespace holdfast::server {

using protocol::json_text;
using protocol::tag_list;
using std::chrono::nanoseconds;

// Operations on the database as plain values, and what comes of them. To add one: here, database.cpp, a file of api/,
// insight/lock_event.hpp (its name), the client, their tests.

// --- conditions ---

/// The conditions of RFC 9110 §13.1 on one key. If-Match is evaluated first.
struct conditions {
  std::optional<tag_list> if_match;
  std::optional<tag_list> if_none_match;
};

/// Null: none.
using conditions_pointer = std::shared_ptr<conditions const>;

// --- what depends on a value's text ---

/// A function of a value's text that takes too long to be computed while others wait: a patch, a comparison. The
/// database looks results up; where one is missing the operation comes back as `text_wanted`, whoever asked computes it
/// without the lock, and asks again. One thread at a time.
class text_function {
 public:
  virtual ~text_function() = default;

  /// The new text, or why there is none. Of a comparison: the input where it is equal.
  using result = protocol::result<json_text>;

  /// Computes a part of the result for `input`, which is not null; the result is remembered when it is there.
  /// @return whether there is more to compute: call it again, with the same input.
  bool compute_some(json_text const& input) {
    if (begun_ != input) {
      begin(input);
      begun_ = input;
    }
    auto done = advance();
    if (!done) return true;
    result_ = std::move(done);
    input_ = std::exchange(begun_, nullptr);
    return false;
  }

  /// The result for `input`; null where it is not known.
  [[nodiscard]] result const* look_up(json_text const& input) {
    // A short text may have been made again, by an increment before a patch.
    constexpr std::size_t short_bytes_max = 64;
    auto const is_known = input_ && (input_ == input || (input->size() <= short_bytes_max && *input_ == *input));
    if (!is_known && !computes_at_once_) return nullptr;
    if (!is_known)
      while (compute_some(input)) {
      }
    return &*result_;
  }

  /// From now on look_up() computes what it does not know, since the value has changed each time before it was asked
  /// again. Others wait meanwhile.
  void compute_at_once() noexcept { computes_at_once_ = true; }

 protected:
  /// Begins again, with an input that lives until the result is there or begin() is called again.
  virtual void begin(json_text const& input) = 0;
  /// Takes a few milliseconds at most, if that can be. @return the result, when it is there.
  [[nodiscard]] virtual std::optional<result> advance() = 0;

 private:
  json_text begun_;  // what is being computed
  json_text input_;
  std::optional<result> result_;
  bool computes_at_once_ = false;
};

using text_function_pointer = std::shared_ptr<text_function>;

// --- operations on one key ---

/// What a write does to the time that a key has left.
struct time_to_live {
  enum class kind : std::uint8_t {
    none,  ///< the key does not expire
    keep,  ///< the key expires when it would have
    set,   ///< the key expires after `duration`
  };
  kind what = kind::none;
  nanoseconds duration{};
};

struct get_operation {
  std::string key;
  conditions_pointer when = {};
};

struct put_operation {
  std::string key;
  json_text value;  ///< never null, valid JSON
  time_to_live ttl = {};
  conditions_pointer when = {};
};

struct delete_operation {
  std::string key;
  conditions_pointer when = {};
};

struct touch_operation {
  std::string key;
  time_to_live ttl;  ///< none or set
  conditions_pointer when = {};
};

inline constexpr std::int64_t exact_integer_max = (std::int64_t(1) << 53) - 1;

struct increment_operation {
  std::string key;
  std::int64_t by = 1;
  std::int64_t initial = 0;  ///< what the key is taken to have where there is no such key
  std::int64_t min = -exact_integer_max;
  std::int64_t max = exact_integer_max;
  time_to_live ttl = {time_to_live::kind::none, {}};  ///< counts only where the key is created; it is kept otherwise
  conditions_pointer when = {};
};

/// Replaces a value by a function of it. The time to live stays.
struct patch_operation {
  std::string key;
  text_function_pointer patch;
  conditions_pointer when = {};
};

// --- operations on several keys ---

/// A page of keys in the order of their bytes, or the other way round.
struct list_operation {
  std::string prefix;
  std::optional<std::string> after;  ///< begins behind this key, in the direction of the page
  std::optional<std::string> until;  ///< ends before this key
  std::string delimiter;             ///< keys with it behind the prefix are shown as one group; empty: none
  std::size_t limit = 100;           ///< of entries and groups together
  bool reverse = false;
  bool values = false;
};

struct delete_range_operation {
  std::string prefix;
  std::size_t limit = 1000;
};

/// A grant of a named lock, by its token: the revision at which it was made.
struct lock_grant {
  std::string lock;
  std::uint64_t token = 0;
};

/// What must be so for a transaction to be done.
struct check {
  std::string key;
  std::optional<lock_grant> grant;  ///< that lives; then nothing else is checked
  std::optional<tag_list> tag;
  std::optional<bool> exists;
  text_function_pointer value;  ///< null: any
};

using transaction_step = std::variant<get_operation, put_operation, delete_operation, touch_operation,
                                      increment_operation, patch_operation, list_operation>;

/// All of it, or nothing.
struct transaction {
  std::vector<check> checks;
  std::vector<transaction_step> steps;
  std::string subject;  ///< `3 keys`
};

/// A part of an import: puts and removals; each is done or not by itself.
struct import_operation {
  enum class present_key : std::uint8_t { replace, skip, fail };
  struct item {
    std::string key;
    json_text value;  ///< null: the key is removed
    time_to_live ttl;
  };
  std::vector<item> items;
  std::uint64_t since = 0;  ///< the revision when the import began, whose own keys are replaced; 0: now
  present_key if_exists = present_key::replace;
  std::string subject;  ///< `3 keys`
};

/// Removes what has expired.
struct expire_operation {};

// --- named locks ---

/// What is done with a ticket: a place in the queue of a named lock, or its grant.
struct ticket_operation {
  enum class kind : std::uint8_t {
    ask,      ///< makes a ticket; one that is there already is looked at
    look,     ///< tells how it stands
    keep,     ///< its lease begins anew
    release,  ///< the ticket leaves: the lock goes to the next
  };
  kind what = kind::look;
  std::string lock, id;
  std::string owner{};      ///< of ask: who is waiting, for people and to find deadlocks; empty: not known
  nanoseconds lease{0};     ///< of ask and keep; 0: as it was
  nanoseconds listening{};  ///< for so long the client will wait for news: a place in the queue lasts as long
  bool may_wait = true;     ///< of ask: false refuses where the lock is taken
};

/// A page of locks that somebody holds, in the order of their names.
struct list_locks_operation {
  std::string prefix;
  std::optional<std::string> after;
  std::size_t limit = 100;
};

/// One lock with its tickets, the holder's first.
struct show_lock_operation {
  std::string lock;
  std::size_t limit = 100;  ///< of those that wait
};

struct guarded_operation;
struct idempotent_operation;

using data_operation =
    std::variant<get_operation, put_operation, delete_operation, touch_operation, increment_operation, patch_operation,
                 list_operation, delete_range_operation, transaction, import_operation, expire_operation,
                 ticket_operation, list_locks_operation, show_lock_operation, std::shared_ptr<guarded_operation const>,
                 std::shared_ptr<idempotent_operation const>>;

/// An operation that is done only while grants of named locks live.
struct guarded_operation {
  std::vector<lock_grant> grants;
  data_operation operation;
};

/// An operation that a client may send again without its being done again.
struct idempotent_operation {
  std::string key;                           ///< by which the client knows the request
  std::array<std::uint8_t, 16> fingerprint;  ///< of all that the request says
  data_operation operation;
};

/// The operation itself, where it is one that is guarded or not done twice.
[[nodiscard]] data_operation const& inner_of(data_operation const& one) noexcept;

/// What an operation concerns, as the lock's events show it: a key, a prefix, `3 keys`.
[[nodiscard]] std::string_view subject_of(data_operation const& one) noexcept;
[[nodiscard]] std::string_view subject_of(transaction_step const& one) noexcept;

// --- what came of it ---

/// A moment at which a key expires, on the steady clock; max(): never.
using expiry_time = std::chrono::steady_clock::time_point;
inline constexpr expiry_time no_expiry = expiry_time::max();

struct value_found {
  json_text value;
  std::uint64_t revision = 0;
  expiry_time expires = no_expiry;
};

/// If-None-Match names what a reader has: it is still so.
struct not_modified {
  std::uint64_t revision = 0;
  expiry_time expires = no_expiry;
};

struct value_stored {
  std::uint64_t revision = 0;
  bool created = false;
  json_text value;     ///< what stands there now; null where the operation says it
  json_text replaced;  ///< what stood there before; freed by whoever holds the outcome, outside the lock
  expiry_time expires = no_expiry;
};

struct value_deleted {
  std::uint64_t revision = 0;  ///< of the removal
  json_text removed;
};

struct value_touched {
  json_text value;
  std::uint64_t revision = 0;
  expiry_time expires = no_expiry;
};

struct no_such_key {};

/// There is no space for more.
struct no_room {
  enum class where : std::uint8_t {
    memory,   ///< the database has as much as it may have
    disk,     ///< the journal's disk is nearly full
    journal,  ///< so much is waiting to become durable that nothing is added for now
  };
  where in = where::memory;
};

/// A condition does not hold.
struct condition_failed {
  std::uint64_t revision = 0;  ///< of the entry that is there; 0: there is none
  bool must_be_new = false;    ///< the condition was If-None-Match: *
  bool had_weak_tag = false;   ///< If-Match named a weak tag, which matches nothing
};

/// The value does not allow it: not an integer, a patch that does not fit.
struct value_refused {
  protocol::errc code;
  std::string detail;
};

/// A text function's result is not known: compute it for `input` and run the operation again. Nothing has changed.
struct text_wanted {
  text_function_pointer function;
  json_text input;
};

struct listing {
  struct entry {
    std::uint32_t key_begin = 0, key_bytes = 0;  ///< in `keys`
    std::uint64_t revision = 0;
    json_text value;
    expiry_time expires = no_expiry;
  };
  std::string keys;  ///< of entries and groups, one behind the other
  std::vector<entry> entries;
  std::vector<entry> groups;        ///< of which the key alone counts
  std::optional<std::string> next;  ///< to continue behind; empty: that is all

  [[nodiscard]] std::string_view key_of(entry const& one) const {
    return std::string_view(keys).substr(one.key_begin, one.key_bytes);
  }
};

struct range_deleted {
  std::vector<json_text> removed;
  std::optional<std::string> next;  ///< the last key that was removed, where there are more
};

struct import_done {
  std::uint64_t since = 0;  ///< the revision when the import began
  std::size_t stored = 0, skipped = 0;
  std::optional<std::size_t> failed_at;  ///< the item that could not be stored, and nothing from it on was
  std::optional<no_room> full;           ///< for lack of space; empty: since its key exists
  std::vector<json_text> replaced;
};

struct entries_expired {
  std::size_t count = 0;
};

/// A ticket as it is.
struct ticket_found {
  std::string id, owner;
  nanoseconds lease{};
  std::uint64_t token = 0;                        ///< of the grant; 0: it waits
  std::uint32_t position = 0;                     ///< of one that waits: 1 is granted next
  std::string behind;                             ///< the owner of the ticket before it, or its id
  std::chrono::system_clock::time_point since{};  ///< from when on it has held or waited
  bool is_new = false;                            ///< it was made now
};

struct ticket_released {};

/// Somebody waits for a lock that another holds.
struct lock_wait {
  std::string owner, lock, holder;
};

/// A wait would never end: its owner would wait for itself.
struct deadlock_found {
  std::vector<lock_wait> cycle;
};

struct lock_shown {
  std::string lock;
  std::vector<ticket_found> tickets;  ///< the holder's and then those that wait; empty: the lock is free
  std::size_t waiting = 0;            ///< all of them
};

struct locks_listed {
  std::vector<lock_shown> locks;  ///< of the tickets the holder's alone
  std::optional<std::string> next;
};

/// A grant that an operation depends on is over.
struct lock_lost {
  lock_grant grant;
};

struct earlier_outcome;
using earlier_outcome_pointer = std::shared_ptr<earlier_outcome const>;

struct transaction_outcome;
using transaction_done = std::shared_ptr<transaction_outcome const>;

using data_outcome = std::variant<value_found, not_modified, value_stored, value_deleted, value_touched, no_such_key,
                                  no_room, condition_failed, value_refused, text_wanted, listing, range_deleted,
                                  import_done, entries_expired, ticket_found, ticket_released, deadlock_found,
                                  lock_shown, locks_listed, lock_lost, transaction_done, earlier_outcome_pointer>;

/// What came of the same request before.
struct earlier_outcome {
  std::array<std::uint8_t, 16> fingerprint;
  data_outcome outcome;
  std::uint64_t revision = 0;  ///< of the database, when it had run
};

struct transaction_outcome {
  struct failed_check {
    std::size_t index = 0;
    std::uint64_t revision = 0;  ///< of the entry that is there; 0: there is none
  };
  std::vector<failed_check> failed_checks;  ///< all of them; nothing was done if there is one
  std::vector<data_outcome> results;        ///< one for each step, with what it came to
  std::optional<std::size_t> failed_step;   ///< the last of `results`, which could not be done; nothing was changed
  std::vector<json_text> replaced;          ///< what stood there before; freed outside the lock
};

// --- how the lock is used ---

/// How a request wants to use the lock.
struct lock_terms {
  nanoseconds hold{0};                      ///< kept this long after the operation
  std::optional<nanoseconds> lock_timeout;  ///< gives up waiting after this; 0: tries once; empty: never
};

}  // namespace holdfast::server
