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

// Operations on the database as plain values, and their outcomes. To add one, change this file, database.cpp, a file of
// api/, insight/lock_event.hpp (its name), the client and their tests.

// --- conditions ---

/// The conditions of RFC 9110 §13.1 on one key. If-Match is evaluated first.
struct conditions {
  std::optional<tag_list> if_match;
  std::optional<tag_list> if_none_match;
};

/// Null: none.
using conditions_pointer = std::shared_ptr<conditions const>;

// --- what depends on a value's text ---

/// A function of a value's text that takes too long to compute while others wait, such as a patch or a comparison. The
/// database looks up results. If one is missing, the outcome is `text_wanted`: the caller computes it without the lock
/// and runs the operation again. One thread at a time.
class text_function {
 public:
  virtual ~text_function() = default;

  /// The new text, or why there is none. For a comparison: the input if it is equal.
  using result = protocol::result<json_text>;

  /// Computes a part of the result for `input`, which is not null. The finished result is cached. @return true if more
  /// must be computed: call again with the same input.
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

  /// The result for `input`; null if it is unknown.
  [[nodiscard]] result const* look_up(json_text const& input) {
    // An earlier short text may occur again, for example by an increment before a patch.
    constexpr std::size_t short_bytes_max = 64;
    auto const is_known = input_ && (input_ == input || (input->size() <= short_bytes_max && *input_ == *input));
    if (!is_known && !computes_at_once_) return nullptr;
    if (!is_known)
      while (compute_some(input)) {
      }
    return &*result_;
  }

  /// From now on look_up() computes missing results, because the value has changed before every retry. Others wait
  /// meanwhile.
  void compute_at_once() noexcept { computes_at_once_ = true; }

 protected:
  /// Starts with an input that lives until the result is known or begin() is called again.
  virtual void begin(json_text const& input) = 0;
  /// Computes for a few milliseconds at most, if the function can be divided. @return the result when it is complete.
  [[nodiscard]] virtual std::optional<result> advance() = 0;

 private:
  json_text begun_;  // the current computation
  json_text input_;
  std::optional<result> result_;
  bool computes_at_once_ = false;
};

using text_function_pointer = std::shared_ptr<text_function>;

// --- operations on one key ---

/// How a write changes the time to live of a key.
struct time_to_live {
  enum class kind : std::uint8_t {
    none,  ///< the key does not expire
    keep,  ///< the expiry does not change
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
  std::int64_t initial = 0;  ///< start value of an absent key
  std::int64_t min = -exact_integer_max;
  std::int64_t max = exact_integer_max;
  time_to_live ttl = {time_to_live::kind::none,
                      {}};  ///< used only if the key is created; otherwise the expiry does not change
  conditions_pointer when = {};
};

/// Replaces a value by a function of it. The time to live does not change.
struct patch_operation {
  std::string key;
  text_function_pointer patch;
  conditions_pointer when = {};
};

// --- operations on several keys ---

/// A page of keys in the order of their bytes, or in reverse.
struct list_operation {
  std::string prefix;
  std::optional<std::string> after;  ///< begins after this key, in the page's direction
  std::optional<std::string> until;  ///< ends before this key
  std::string delimiter;             ///< keys with this text after the prefix form a group; empty: no groups
  std::size_t limit = 100;           ///< entries and groups together
  bool reverse = false;
  bool values = false;
};

struct delete_range_operation {
  std::string prefix;
  std::size_t limit = 1000;
};

/// A grant of a named lock, identified by its token: the revision of the grant.
struct lock_grant {
  std::string lock;
  std::uint64_t token = 0;
};

/// A condition for running a transaction.
struct check {
  std::string key;
  std::optional<lock_grant> grant;  ///< must be valid; then nothing else is checked
  std::optional<tag_list> tag;
  std::optional<bool> exists;
  text_function_pointer value;  ///< null: any
};

using transaction_step = std::variant<get_operation, put_operation, delete_operation, touch_operation,
                                      increment_operation, patch_operation, list_operation>;

/// Runs all steps or none.
struct transaction {
  std::vector<check> checks;
  std::vector<transaction_step> steps;
  std::string subject;  ///< such as `3 keys`
};

// What the answer to a transaction may have; a single value may be larger.
inline constexpr std::uint64_t transaction_bytes_max = 8 * 1024 * 1024;             ///< of values and of listed keys
inline constexpr std::uint64_t remembered_transaction_bytes_max = 2 * 1024 * 1024;  ///< if the answer is remembered
inline constexpr std::size_t transaction_listed_max = 10'000;  ///< entries and groups of all its lists

/// A part of an import: puts and removals, each of which succeeds or fails by itself.
struct import_operation {
  enum class present_key : std::uint8_t { replace, skip, fail };
  struct item {
    std::string key;
    json_text value;  ///< null: the key is removed
    time_to_live ttl;
  };
  std::vector<item> items;
  std::uint64_t since = 0;  ///< revision at which the import began; keys that it wrote itself are replaced; 0: now
  present_key if_exists = present_key::replace;
  std::string subject;  ///< such as `3 keys`
};

/// Removes expired keys and leases.
struct expire_operation {};

// --- named locks ---

/// An operation on a ticket: a place in the queue of a named lock, or its grant.
struct ticket_operation {
  enum class kind : std::uint8_t {
    ask,       ///< creates the ticket, or reads an existing one
    look,      ///< reads the ticket
    keep,      ///< renews its lease
    end_poll,  ///< ends a long poll before its time
    release,   ///< removes the ticket; the lock goes to the next
  };
  kind what = kind::look;
  std::string lock, id;
  std::string owner{};   ///< for ask: who waits, for people and to find deadlocks; empty: unknown
  nanoseconds lease{0};  ///< for ask and keep; 0: unchanged
  /// For ask, look and end_poll: the end of the client's long poll, which identifies the poll. A place in the queue
  /// lasts for one lease after the last poll. In the past: no poll.
  std::chrono::steady_clock::time_point polls_until{};
  bool may_wait = true;  ///< for ask: false refuses if the lock is taken
};

/// A page of the held locks, ordered by name.
struct list_locks_operation {
  std::string prefix;
  std::optional<std::string> after;
  std::size_t limit = 100;
};

/// One lock with its tickets, the holder's first.
struct show_lock_operation {
  std::string lock;
  std::size_t limit = 100;  ///< limit for waiting tickets
};

struct guarded_operation;
struct idempotent_operation;

using data_operation =
    std::variant<get_operation, put_operation, delete_operation, touch_operation, increment_operation, patch_operation,
                 list_operation, delete_range_operation, transaction, import_operation, expire_operation,
                 ticket_operation, list_locks_operation, show_lock_operation, std::shared_ptr<guarded_operation const>,
                 std::shared_ptr<idempotent_operation const>>;

/// An operation that runs only while grants of named locks are valid.
struct guarded_operation {
  std::vector<lock_grant> grants;
  data_operation operation;
};

/// An operation that a client may send again without executing it twice.
struct idempotent_operation {
  std::string key;                           ///< chosen by the client for the request
  std::array<std::uint8_t, 16> fingerprint;  ///< of the entire request
  data_operation operation;
  bool shows_value = false;  ///< the answer contains the present or removed value
};

/// The inner operation of a guarded or idempotent one.
[[nodiscard]] data_operation const& inner_of(data_operation const& one) noexcept;

/// What an operation concerns, as shown in lock events: a key, a prefix, `3 keys`.
[[nodiscard]] std::string_view subject_of(data_operation const& one) noexcept;
[[nodiscard]] std::string_view subject_of(transaction_step const& one) noexcept;

// --- what came of it ---

/// When a key expires, on the steady clock; max(): never.
using expiry_time = std::chrono::steady_clock::time_point;
inline constexpr expiry_time no_expiry = expiry_time::max();

struct value_found {
  json_text value;
  std::uint64_t revision = 0;
  expiry_time expires = no_expiry;
};

/// If-None-Match names the present entry: the reader has it already.
struct not_modified {
  std::uint64_t revision = 0;
  expiry_time expires = no_expiry;
};

struct value_stored {
  std::uint64_t revision = 0;
  bool created = false;
  json_text value;     ///< the present value; null if it is the operation's own
  json_text replaced;  ///< the previous value; freed by the owner of the outcome, outside the lock
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

/// No space for more data.
struct no_room {
  enum class where : std::uint8_t {
    memory,   ///< the database has reached its limit
    disk,     ///< the journal's disk is nearly full
    journal,  ///< too much is waiting to become durable
    commit,   ///< the transaction writes too much at once
    answer,   ///< the answer to the transaction would be too large
    record,   ///< the answer would be too large to be remembered
  };
  where in = where::memory;
};

/// A condition does not hold.
struct condition_failed {
  std::uint64_t revision = 0;  ///< of the present entry; 0: none
  bool must_be_new = false;    ///< the condition was If-None-Match: *
  bool had_weak_tag = false;   ///< If-Match named a weak tag, which never matches
};

/// The value does not allow the operation: it is not an integer, or the patch does not fit.
struct value_refused {
  protocol::errc code;
  std::string detail;
};

/// The result of a text function is missing: compute it for `input` and run the operation again. Nothing has changed.
struct text_wanted {
  text_function_pointer function;
  json_text input;
};

struct listing {
  struct entry {
    std::uint32_t key_begin = 0, key_bytes = 0;  ///< in `keys`
    std::uint64_t revision = 0;
    json_text value;  ///< null in a remembered outcome, if the list is without values
    expiry_time expires = no_expiry;
    std::uint64_t bytes = 0;  ///< size of a value that is null
  };
  std::string keys;  ///< keys of entries and groups, concatenated
  std::vector<entry> entries;
  std::vector<entry> groups;        ///< of which only the key counts
  std::optional<std::string> next;  ///< where to continue; empty: this was everything

  [[nodiscard]] std::string_view key_of(entry const& one) const {
    return std::string_view(keys).substr(one.key_begin, one.key_bytes);
  }
};

struct range_deleted {
  std::size_t count = 0;
  std::optional<std::string> next;  ///< the last removed key, if there are more
  std::vector<json_text> removed;   ///< freed by the owner of the outcome, outside the lock; also of expired keys
};

struct import_done {
  std::uint64_t since = 0;  ///< the revision at which the import began
  std::size_t stored = 0, skipped = 0;
  std::optional<std::size_t> failed_at;  ///< the first item that was not stored; nothing after it was stored
  std::optional<no_room> full;           ///< for lack of space; nullopt: because its key exists
  std::vector<json_text> replaced;
};

struct entries_expired {
  std::size_t count = 0;
};

/// The state of a ticket.
struct ticket_found {
  std::string id, owner;
  nanoseconds lease{};
  std::uint64_t token = 0;                        ///< of the grant; 0: it waits
  std::uint32_t position = 0;                     ///< of a waiting ticket: 1 is next
  std::string behind;                             ///< owner or id of the preceding ticket
  std::chrono::system_clock::time_point since{};  ///< start of the hold or of the wait
  bool is_new = false;                            ///< this operation created it
};

struct ticket_released {};

/// The lock is taken, and the request does not wait.
struct lock_wait {
  std::string owner, lock, holder;
};

/// Waiting would be a deadlock: the owner would wait for itself.
struct deadlock_found {
  std::vector<lock_wait> cycle;
};

struct lock_shown {
  std::string lock;
  std::vector<ticket_found> tickets;  ///< the holder's, then the waiters'; empty: the lock is free
  std::size_t waiting = 0;            ///< number of all tickets
};

struct locks_listed {
  std::vector<lock_shown> locks;  ///< only the holder's ticket of each lock
  std::optional<std::string> next;
};

/// A grant that the operation requires is no longer valid.
struct lock_lost {
  lock_grant grant;
};

struct earlier_outcome;
using earlier_outcome_pointer = std::shared_ptr<earlier_outcome const>;

struct transaction_outcome;
struct transaction_done {
  std::shared_ptr<transaction_outcome const> outcome;
  std::vector<json_text> replaced;  ///< previous values; freed by the owner of this, outside the lock

  transaction_outcome const& operator*() const noexcept { return *outcome; }
  transaction_outcome const* operator->() const noexcept { return outcome.get(); }
};

using data_outcome = std::variant<value_found, not_modified, value_stored, value_deleted, value_touched, no_such_key,
                                  no_room, condition_failed, value_refused, text_wanted, listing, range_deleted,
                                  import_done, entries_expired, ticket_found, ticket_released, deadlock_found,
                                  lock_shown, locks_listed, lock_lost, transaction_done, earlier_outcome_pointer>;

/// The outcome of an earlier execution of the same request, without values that its answer does not show.
struct earlier_outcome {
  std::array<std::uint8_t, 16> fingerprint;
  data_outcome outcome;
  std::uint64_t revision = 0;  ///< of the database after that execution
};

struct transaction_outcome {
  struct failed_check {
    std::size_t index = 0;
    std::uint64_t revision = 0;  ///< of the present entry; 0: none
  };
  std::vector<failed_check> failed_checks;  ///< all failed checks; if there is one, nothing was done
  std::vector<data_outcome> results;        ///< one outcome per step; only that of `failed_step`, if there is one
  std::optional<std::size_t> failed_step;   ///< the step that failed; nothing was changed
};

// --- how the lock is used ---

/// How a request uses the lock.
struct lock_terms {
  nanoseconds hold{0};                      ///< time to keep the lock after the operation
  std::optional<nanoseconds> lock_timeout;  ///< limit for the wait; 0: try once; nullopt: no limit
};

}  // namespace holdfast::server
