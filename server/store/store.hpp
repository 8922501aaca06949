#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <holdfast/sync/guarded.hpp>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "protocol/error.hpp"
#include "protocol/lock_timing.hpp"
#include "server/insight/lock_recorder.hpp"
#include "server/journal/commit_queue.hpp"
#include "server/journal/journal.hpp"
#include "server/loop/asio.hpp"
#include "server/loop/interruption.hpp"
#include "server/store/database.hpp"
#include "server/store/history.hpp"
#include "server/store/operation.hpp"

namespace holdfast::server {

/// What became of one operation: its outcome or why it did not run, and how long it waited and held.
struct execution {
  protocol::result<data_outcome> outcome{no_such_key()};
  std::uint64_t revision = 0;  ///< of the database, when it had run; 0: it has not
  std::uint64_t needs = 0;     ///< what commit_queue::progress() must reach before anybody is told; see answer_gate
  std::chrono::steady_clock::time_point granted_at{};
  protocol::lock_timing timing;
  std::chrono::steady_clock::time_point ended_at{};
  std::uint64_t id = 0;  ///< what the lock's events call it; 0: nobody watches
};

/// A value that was read.
struct reading {
  std::uint64_t revision = 0;
  json_text value;
  protocol::lock_timing timing;
  std::chrono::steady_clock::time_point ended_at{};
  std::uint64_t id = 0;  ///< as an execution's
};

/// The database behind its awaitable lock, and what happens around an operation: acquire, apply, hold, release.
/// Any thread may call any function; the executor that awaits is the one that is resumed.
class store {
 public:
  /// What is done to the database while the lock is held; must not throw but for lack of memory, and must be brief.
  using section = std::function<data_outcome(database&)>;

  /// @param waiters_max how many operations may wait for the lock at once; one more is refused with errc::queue_full.
  /// @param bytes_max what keys, values and the history may take.
  /// @param id see id().
  store(std::size_t waiters_max, std::uint64_t bytes_max, std::uint64_t id)
      : id_(id),
        history_(history_changes_max, history_share(bytes_max)),
        data_(std::in_place, bytes_max - history_share(bytes_max), &history_, lock_counts_),
        waiters_max_(waiters_max),
        data_bytes_max_(bytes_max - history_share(bytes_max)) {}

  // --- of a database that is kept, in this order, before others use the store ---

  /// Takes the entries that a journal has. @throws journal_error.
  void recover(journal& kept);
  /// Hands each change to the journal from now on. @param commits of that journal; must outlive the store.
  void keep_in(journal_position const& position, commit_queue& commits);
  /// Changes that have become durable are appended to history() then, by the commit thread.

  /// The latest changes: so many, and of what keys and values may take a sixteenth, at most 64 MiB.
  static constexpr std::size_t history_changes_max = 65'536;
  [[nodiscard]] static constexpr std::uint64_t history_share(std::uint64_t bytes_max) noexcept {
    return std::min<std::uint64_t>(64 * 1024 * 1024, bytes_max / 16);
  }
  [[nodiscard]] server::history& history() noexcept { return history_; }

  /// Tells this database from others, also from what the same server had before it was restarted.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

  /// Runs an operation that wants no hold, if the lock is free, or is in an instant. Never suspends.
  /// @param done what it came to. @return false when it would have to wait; then nothing has happened.
  [[nodiscard]] bool try_execute(data_operation const& operation, lock_asker const& asker, execution& done);

  /// As try_execute() of a GET, but with nothing put together that such a request does not need.
  /// @return false also where there is no such key; then nothing has happened.
  [[nodiscard]] bool try_read(std::string_view key, lock_asker const& asker, reading& done);

  /// Runs an operation: takes its place in the lock's queue now, applies it once the lock is granted, keeps the lock
  /// for terms.hold, releases it. `operation` and `stop` must outlive the await. `stop` ends a wait (nothing has
  /// changed: errc::draining) or a hold (the outcome stays). errc::lock_timeout and errc::queue_full say the rest.
  ///
  /// An operation without a hold waits as a function, which whoever releases the lock runs for it: so the lock never
  /// waits until a thread has woken up. A stop that comes when it has run already comes too late: the outcome stays.
  ///
  /// A place in the queue is counted by who asks on several threads in the same instant: two may swap their numbers.
  awaitable<execution> execute(data_operation const& operation, lock_terms terms, interruption& stop,
                               lock_asker asker = {});

  /// The same for what is no request. @param key what it concerns, for whoever watches. Waits also where no request
  /// would be let into the queue.
  awaitable<execution> run(std::string_view key, section const& what, interruption& stop, lock_asker asker);

  /// Calls `what` when a key has been given an expiry that is earlier than all that were known; from whoever owns the
  /// lock, so it must be brief. Before others use the store.
  void on_earlier_expiry(std::function<void()> what) { on_earlier_expiry_ = std::move(what); }
  /// When the next key expires; no_expiry: never.
  [[nodiscard]] expiry_time next_expiry() const noexcept { return next_expiry_.load(std::memory_order_relaxed); }

  /// How much keys and values take.
  [[nodiscard]] std::uint64_t data_bytes() const noexcept { return data_bytes_.load(std::memory_order_relaxed); }
  /// How many keys there are; those that have expired and not been removed yet among them.
  [[nodiscard]] std::uint64_t keys() const noexcept { return keys_.load(std::memory_order_relaxed); }
  /// What happened to the named locks.
  [[nodiscard]] named_lock_counters const& lock_counts() const noexcept { return *lock_counts_; }
  [[nodiscard]] std::uint64_t data_bytes_max() const noexcept { return data_bytes_max_; }
  /// The most that they took at one time since the last call.
  [[nodiscard]] std::uint64_t take_data_bytes_most() noexcept {
    return data_bytes_most_.exchange(data_bytes(), std::memory_order_relaxed);
  }

 private:
  /// One more that waits, for as long as this lives or until it leaves, unless there are enough already.
  class waiter_place {
   public:
    /// @param is_limited false: takes its place also where no request would get one.
    waiter_place(store& waited_for, bool is_limited) noexcept;
    ~waiter_place() { leave(); }
    waiter_place(waiter_place const&) = delete;
    waiter_place& operator=(waiter_place const&) = delete;

    void leave() noexcept {
      if (std::exchange(is_taken_, false)) count_.fetch_sub(1, std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_taken() const noexcept { return is_taken_; }
    /// How many there are, with this one, so that 1 is granted next; of one that is not taken, what it would be.
    [[nodiscard]] std::uint32_t position() const noexcept { return position_; }

   private:
    std::atomic<std::size_t>& count_;
    bool is_taken_ = false;
    std::uint32_t position_ = 0;
  };

  awaitable<execution> visit_lock(std::string_view key, section const& what, lock_terms terms, interruption& stop,
                                  lock_asker asker, bool is_limited);
  void note_needs(std::string_view key, database const& data, std::uint64_t sequence_before,
                  std::chrono::steady_clock::time_point now, execution& done) const;
  /// After a section: what it has changed is on its way.
  void start_commit() noexcept {
    if (commits_ != nullptr) commits_->wake();
  }

  /// Runs a section at a moment, and keeps what others may see of the database.
  template <class Section>
  void run_section(std::string_view key, database& data, Section const& what, std::chrono::steady_clock::time_point now,
                   execution& done);

  std::uint64_t id_;
  server::history history_;
  std::shared_ptr<named_lock_counters> lock_counts_ = std::make_shared<named_lock_counters>();
  sync::guarded<database> data_;
  std::size_t const waiters_max_;
  std::uint64_t const data_bytes_max_;
  std::atomic<std::size_t> waiters_{0};
  commit_queue* commits_ = nullptr;
  std::function<void()> on_earlier_expiry_;
  // Written only by whoever owns the lock.
  std::atomic<std::uint64_t> data_bytes_{0};
  std::atomic<std::uint64_t> keys_{0};
  std::atomic<std::uint64_t> data_bytes_most_{0};  // may miss what happens while it is taken
  std::atomic<expiry_time> next_expiry_{no_expiry};
};

}  // namespace holdfast::server
