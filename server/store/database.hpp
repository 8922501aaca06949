#pragma once

#include <absl/container/btree_map.h>
#include <absl/types/compare.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/journal/commit_queue.hpp"
#include "server/journal/history.hpp"
#include "server/store/answered_requests.hpp"
#include "server/store/expiry_index.hpp"
#include "server/store/named_locks.hpp"
#include "server/store/operation.hpp"
#include "server/store/outcome_codec.hpp"

namespace holdfast::server {

/// An ordered map from keys to JSON texts. Every change of data increments the revision and goes into the history; each
/// key has the revision of its last change. Plain and synchronous: to share it, put it behind a lock. The map is a
/// B-tree (Bayer and McCreight, 1972). With several keys per node, look-ups cause fewer cache misses and keys need less
/// memory than in a binary tree; unlike a hash table, it never pauses to move all of its elements. Time advances only
/// with at(): a key is expired if its time is before that, and no operation finds it.
class database final : private named_locks::stream {
 public:
  using clock = std::chrono::steady_clock;

  /// @param bytes_max limit for keys and values, as counted by bytes_of(). @param changes receives all changes of data
  /// and must outlive this; null: none. @param lock_counts counters of named locks.
  explicit database(std::uint64_t bytes_max = std::numeric_limits<std::uint64_t>::max(), history* changes = nullptr,
                    std::shared_ptr<named_lock_counters> lock_counts = std::make_shared<named_lock_counters>())
      : bytes_max_(bytes_max), changes_(changes), locks_(std::move(lock_counts)) {}

  // --- of a database that is kept, before the first operation ---

  /// Adds an entry that is already durable, in the order of keys.
  void load(std::string_view key, json_text value, std::uint64_t revision, expiry_time expires);
  /// Adds a durable record of another keyspace. @param version see change::version(). @return false if its format is
  /// unknown.
  [[nodiscard]] bool load_record(keyspace space, std::string_view key, std::string_view bytes, std::uint64_t version,
                                 expiry_time expires, moment const& now);
  /// Sends changes to the journal from now on; the journal passes durable ones to the history. All data have been
  /// loaded.
  void keep_in(commit_queue& journal, std::uint64_t sequence, std::uint64_t revision, clock::time_point now);

  /// Approximate memory of a key with its value, including its share of the tree and the allocator's overhead.
  [[nodiscard]] static constexpr std::uint64_t bytes_of(std::size_t key_bytes, std::size_t value_bytes) noexcept {
    constexpr std::uint64_t beside_them = 192;
    return key_bytes + value_bytes + beside_them;
  }

  /// Sets the time to `now` and removes expired keys, up to expired_at_once_max. Operations do not find the rest
  /// either.
  void at(clock::time_point now) {
    now_ = now;
    expired_before_ = next_expiry() <= now ? remove_expired(expired_at_once_max) : 0;
  }
  static constexpr std::size_t expired_at_once_max = 256;

  /// Runs one operation. It is refused if it would exceed the memory limit, unless it needs no more than it frees.
  /// Strong guarantee: after std::bad_alloc the database is unchanged except for expired keys.
  data_outcome apply(data_operation const& operation);

  struct entry {
    json_text value;  ///< null while a transaction that removed it is open
    std::uint64_t revision = 0;
    expiry_time expires = no_expiry;
  };

  /// The value of a key, valid until the next change, or null. An expired key is removed.
  [[nodiscard]] entry const* find(std::string_view key);

  /// The revision of the latest change of data or named locks.
  [[nodiscard]] std::uint64_t revision() const noexcept override { return revision_; }
  /// The number of the latest change.
  [[nodiscard]] std::uint64_t sequence() const noexcept override { return sequence_; }
  /// The number of the latest change of a named lock.
  [[nodiscard]] std::uint64_t last_lock_change() const noexcept { return last_lock_change_; }
  /// The number of the latest removal of a key.
  [[nodiscard]] std::uint64_t last_removal() const noexcept { return last_removal_; }
  /// The number of the latest touch of a key. Several keys share a counter, so the number may be that of a later touch.
  [[nodiscard]] std::uint64_t last_touch() const noexcept { return last_touch_; }
  [[nodiscard]] std::uint64_t last_touch(std::string_view key) const noexcept { return touches_[touch_slot(key)]; }
  /// Memory of keys, values and tickets of named locks.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_ + locks_.bytes(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  /// When the next key or lease expires; no_expiry: never.
  [[nodiscard]] expiry_time next_expiry() const noexcept { return std::min(expiries_.earliest(), locks_.earliest()); }
  [[nodiscard]] named_locks const& locks() const noexcept { return locks_; }
  [[nodiscard]] answered_requests const& answered() const noexcept { return answered_; }

 private:
  /// A three-way comparison; with std::less<> the tree would compare twice.
  struct by_bytes {
    using is_transparent = void;
    absl::weak_ordering operator()(std::string_view a, std::string_view b) const noexcept {
      auto const difference = a.compare(b);
      if (difference == 0) return absl::weak_ordering::equivalent;
      return difference < 0 ? absl::weak_ordering::less : absl::weak_ordering::greater;
    }
  };
  using tree = absl::btree_map<std::string, entry, by_bytes>;

  /// A running transaction, with what is needed to undo it.
  struct open_transaction {
    struct step {
      std::string key;
      entry before;               ///< value null: the key did not exist
      bool had_place = true;      ///< in the tree
      bool added_expiry = false;  ///< the key's present expiry was not in the index before this step
    };
    std::vector<step> undo;
    std::vector<change> changes;
    std::size_t change_bytes = 0;
  };

  data_outcome run(get_operation const& get);
  data_outcome run(put_operation const& put);
  data_outcome run(delete_operation const& del);
  data_outcome run(touch_operation const& touch);
  data_outcome run(increment_operation const& increment);
  data_outcome run(patch_operation const& patch);
  data_outcome run(list_operation const& list);
  data_outcome run(delete_range_operation const& range);
  data_outcome run(transaction const& whole);
  data_outcome run(import_operation const& import);
  data_outcome run(expire_operation const& expire);
  data_outcome run(ticket_operation const& one);
  data_outcome run(list_locks_operation const& list);
  data_outcome run(show_lock_operation const& one);
  data_outcome run(std::shared_ptr<guarded_operation const> const& one);
  data_outcome run(std::shared_ptr<idempotent_operation const> const& one);

  [[nodiscard]] static std::size_t touch_slot(std::string_view key) noexcept {
    return std::hash<std::string_view>{}(key) % touch_slots;
  }
  tree::iterator find_live(std::string_view key);
  data_outcome store(tree::iterator found, std::string_view key, json_text const& value, expiry_time expires);
  tree::iterator remove(tree::iterator found, change::kind why, json_text& removed);
  void set_expiry(tree::iterator found, expiry_time expires);
  std::size_t remove_expired(std::size_t most);
  bool is_expired(entry const& one) const noexcept { return one.expires <= now_; }
  [[nodiscard]] expiry_time expiry_of(time_to_live const& ttl, expiry_time present) const noexcept;
  void record(change::kind what, std::string_view key, entry const* before, json_text const& value,
              expiry_time expires);
  std::uint64_t keep(keyspace space, std::string_view key, json_text value, std::uint64_t previous,
                     expiry_time expires);
  [[nodiscard]] std::optional<change::instant> instant_of(expiry_time expires) const;
  [[nodiscard]] clock::time_point now() const noexcept override { return now_; }
  [[nodiscard]] std::optional<no_room> lacks(std::uint64_t bytes) override;
  void append(std::span<change> changes) override;
  [[nodiscard]] std::optional<no_room> lacks_for_record(std::size_t bytes) const;
  bool run_steps(transaction const& whole, bool is_remembered, transaction_outcome& done);
  [[nodiscard]] std::vector<json_text> commit();
  void roll_back() noexcept;

  tree entries_;
  expiry_index expiries_;
  std::uint64_t revision_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t bytes_max_;
  clock::time_point now_{};
  std::size_t expired_before_ = 0;  // set by at() before each operation
  history* changes_;
  commit_queue* journal_ = nullptr;
  std::uint64_t last_removal_ = 0, last_touch_ = 0, last_lock_change_ = 0;
  static constexpr std::size_t touch_slots = 64;
  std::array<std::uint64_t, touch_slots> touches_{};  // latest touch of the keys that share a slot
  open_transaction* open_ = nullptr;
  answered_requests answered_;
  named_locks locks_;
};

}  // namespace holdfast::server
