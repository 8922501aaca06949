#pragma once

#include <absl/container/btree_set.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/journal/change.hpp"
#include "server/store/named_lock_counters.hpp"
#include "server/store/operation.hpp"

namespace holdfast::server {

/// Locks that clients acquire by name. Plain and synchronous, part of the database.
/// A client requests a lock with a ticket: first a place in the lock's queue, then the grant. Tickets are granted in
/// order of arrival. A ticket has a lease and is removed when it expires, so a client that died can't keep a lock.
/// Leases use the steady clock; after a restart they begin anew, because nobody could have renewed them meanwhile. Each
/// change of a ticket (requested, granted, removed) is a change in the database's stream, with its own revision. The
/// revision of a grant is its token. A removal and the grant that follows are appended together, so a crash keeps both
/// or neither, and a lock that somebody waits for always has a holder. B-trees of pointers find tickets by id, lease
/// and owner: they never pause to move all of their elements.
class named_locks {
 public:
  using clock = std::chrono::steady_clock;
  using wall_clock = std::chrono::system_clock;

  static constexpr std::size_t waiting_max = 16'384;        ///< for one lock
  static constexpr std::size_t deadlock_steps_max = 1'024;  ///< longer cycles are not found
  static constexpr std::size_t cycle_told_max = 16;

  /// The receiver of the changes: the database.
  class stream {
   public:
    [[nodiscard]] virtual clock::time_point now() const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t sequence() const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t revision() const noexcept = 0;
    /// Why these additional bytes are not available; nothing if they are.
    [[nodiscard]] virtual std::optional<no_room> lacks(std::uint64_t bytes) = 0;
    /// Appends changes after sequence() and revision(), all or none. Strong guarantee.
    virtual void append(std::span<change> changes) = 0;

   protected:
    ~stream() = default;
  };

  /// @param counts counters to update.
  explicit named_locks(std::shared_ptr<named_lock_counters> counts) : counts_(std::move(counts)) {}
  named_locks(named_locks const&) = delete;
  named_locks& operator=(named_locks const&) = delete;
  ~named_locks() = default;

  // All have the strong guarantee: after std::bad_alloc nothing has changed except for tickets whose lease has expired.

  data_outcome run(ticket_operation const& one, stream& to);
  [[nodiscard]] data_outcome run(list_locks_operation const& list) const;
  data_outcome run(show_lock_operation const& one, stream& to);

  /// True if a grant is valid.
  [[nodiscard]] bool lives(lock_grant const& grant, clock::time_point now) const noexcept;

  /// Removes up to `most` tickets whose lease has expired. @return their number.
  std::size_t remove_expired(std::size_t most, stream& to);
  /// When the next lease expires; time_point::max(): never.
  [[nodiscard]] clock::time_point earliest() const noexcept {
    return leases_.empty() ? clock::time_point::max() : leases_.begin()->at;
  }

  /// Adds a ticket from before a restart. Call begin() after the last one. @return false if the record's format is
  /// unknown.
  [[nodiscard]] bool load(std::string_view key, std::string_view bytes, std::uint64_t version, clock::time_point now);
  /// All leases begin anew now: to load the data may have taken longer than one.
  void begin(clock::time_point now);

  /// Approximate memory of the tickets.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t locks() const noexcept { return locks_.size(); }
  [[nodiscard]] std::size_t tickets() const noexcept { return tickets_.size(); }

 private:
  struct lock;
  struct ticket {
    lock* of = nullptr;
    std::string id, owner;
    nanoseconds lease{};
    std::uint64_t order = 0;  ///< order in the queue: the revision of its creation
    std::uint64_t token = 0;
    std::uint64_t version = 0;
    clock::time_point expires{};
    std::vector<clock::time_point> polls;  ///< ends of the long polls that wait for the grant
    clock::time_point begun{};             ///< time of the request, then of the grant; or the server's start
    wall_clock::time_point since{};
  };
  struct lock {
    std::string_view name;  // position in locks_
    named_lock_counts* counts = nullptr;
    ticket* holder = nullptr;
    std::vector<ticket*> waiting;
    std::uint64_t looked_at = 0;  // the search for deadlocks that visited it
  };
  struct ticket_id {
    lock const* of;
    std::string_view id;
  };
  struct by_id {
    using is_transparent = void;
    bool operator()(auto const& a, auto const& b) const noexcept { return less(key(a), key(b)); }
    static ticket_id key(ticket_id const& one) noexcept { return one; }
    static ticket_id key(std::unique_ptr<ticket> const& one) noexcept { return {one->of, one->id}; }
    static bool less(ticket_id const& a, ticket_id const& b) noexcept {
      return a.of != b.of ? std::less<>()(a.of, b.of) : a.id < b.id;
    }
  };
  struct by_owner {
    using is_transparent = void;
    bool operator()(ticket const* a, ticket const* b) const noexcept {
      return a->owner != b->owner ? a->owner < b->owner : std::less<>()(a, b);
    }
    bool operator()(ticket const* a, std::string_view b) const noexcept { return a->owner < b; }
    bool operator()(std::string_view a, ticket const* b) const noexcept { return a < b->owner; }
  };
  struct lease_end {
    clock::time_point at;
    ticket* whose;
    friend bool operator<(lease_end const& a, lease_end const& b) noexcept {
      return a.at != b.at ? a.at < b.at : std::less<>()(a.whose, b.whose);
    }
  };
  using lock_map = std::map<std::string, lock, std::less<>>;

  data_outcome ask(ticket_operation const& one, stream& to);
  ticket* find_live(std::string_view lock, std::string_view id, stream& to);
  lock* find_live(std::string_view lock, stream& to);
  void leave(ticket& one, change::kind why, stream& to);
  void set_lease(ticket& one, nanoseconds lease, stream& to);
  void add_poll(ticket& one, clock::time_point until, clock::time_point now);
  void end_poll(ticket& one, clock::time_point until, clock::time_point now);
  void set_expiry(ticket& one, clock::time_point at);
  void forget(ticket& one) noexcept;
  void count_end(ticket const& one, change::kind why, clock::time_point now) noexcept;
  [[nodiscard]] std::vector<lock_wait> cycle_behind(lock& wanted, std::string_view owner);
  [[nodiscard]] ticket_found describe(ticket const& one) const;
  [[nodiscard]] static std::uint64_t bytes_of(ticket const& one) noexcept;
  [[nodiscard]] static std::uint64_t bytes_of_lock(std::string_view name) noexcept;

  std::shared_ptr<named_lock_counters> counts_;
  lock_map locks_;
  absl::btree_set<std::unique_ptr<ticket>, by_id> tickets_;  // owns the tickets
  absl::btree_set<lease_end> leases_;
  absl::btree_set<ticket*, by_owner> waiting_;  // tickets that have an owner
  std::uint64_t bytes_ = 0;
  std::uint64_t searches_ = 0;
};

/// The record of a ticket in the journal and in the history. Its key is made by ticket_key().
struct ticket_record {
  std::uint64_t order = 0;
  std::uint64_t token = 0;
  nanoseconds lease{};
  std::chrono::system_clock::time_point since{};
  std::string owner;
};

/// The key of a ticket in the change stream. Names contain no control characters, so different tickets have different
/// keys.
[[nodiscard]] std::string ticket_key(std::string_view lock, std::string_view id);
/// The common prefix of the keys of a lock's tickets, and of no other keys.
[[nodiscard]] std::string ticket_key_prefix(std::string_view lock);
/// The lock and the id of a key.
[[nodiscard]] std::pair<std::string_view, std::string_view> split_ticket_key(std::string_view key) noexcept;

[[nodiscard]] std::string encode_ticket(ticket_record const& one);
/// nullopt if the format of the bytes is unknown.
[[nodiscard]] std::optional<ticket_record> decode_ticket(std::string_view bytes);

}  // namespace holdfast::server
