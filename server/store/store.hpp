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
#include <vector>

#include "protocol/error.hpp"
#include "protocol/lock_timing.hpp"
#include "server/insight/lock_recorder.hpp"
#include "server/journal/commit_queue.hpp"
#include "server/journal/history.hpp"
#include "server/journal/journal.hpp"
#include "server/loop/asio.hpp"
#include "server/loop/interruption.hpp"
#include "server/store/database.hpp"
#include "server/store/operation.hpp"

namespace holdfast::server {

/// The result of one operation: its outcome or why it did not run, and how long it waited and held.
struct execution {
  protocol::result<data_outcome> outcome{no_such_key()};
  std::uint64_t revision = 0;  ///< of the database, when it had run; 0: it has not
  std::uint64_t needs = 0;     ///< what commit_queue::progress() must reach before anybody is told; see answer_gate
  std::chrono::steady_clock::time_point granted_at{};
  protocol::lock_timing timing;
  std::chrono::steady_clock::time_point ended_at{};
  std::uint64_t id = 0;  ///< its id in lock events; 0: nobody watches
};

/// A value that was read.
struct reading {
  std::uint64_t revision = 0;
  json_text value;
  protocol::lock_timing timing;
  std::chrono::steady_clock::time_point ended_at{};
  std::uint64_t id = 0;  ///< as in execution
};

/// The database behind its awaitable lock, and the sequence of an operation: acquire, apply, hold, release. Any thread
/// may call any function; the caller resumes on its own executor.
class store {
 public:
  /// A function that runs while the lock is held. It must be brief, and throw nothing except for lack of memory.
  using section = std::function<data_outcome(database&)>;

  /// @param waiters_max limit for concurrent waiters; one more gets errc::queue_full.
  /// @param bytes_max limit for keys, values and the history.
  /// @param id see id().
  store(std::size_t waiters_max, std::uint64_t bytes_max, std::uint64_t id)
      : id_(id),
        history_(history_changes_max, history_share(bytes_max)),
        data_(std::in_place, bytes_max - history_share(bytes_max), &history_, lock_counts_),
        waiters_max_(waiters_max),
        data_bytes_max_(bytes_max - history_share(bytes_max)) {}

  // --- of a database that is kept, in this order, before others use the store ---

  /// Loads the entries of a journal. @throws journal_error.
  void recover(journal& kept);
  /// Sends each change to the journal from now on. @param commits of that journal; must outlive the store. @param
  /// recent see journal::take_recent_changes().
  void keep_in(journal_position const& position, commit_queue& commits, std::vector<change> recent = {});
  /// Durable changes are then appended to history() by the commit thread.

  /// The latest changes: bounded in number, and to a sixteenth of the memory for keys and values, at most 64 MiB.
  static constexpr std::size_t history_changes_max = 65'536;
  [[nodiscard]] static constexpr std::uint64_t history_share(std::uint64_t bytes_max) noexcept {
    return std::min<std::uint64_t>(64 * 1024 * 1024, bytes_max / 16);
  }
  [[nodiscard]] server::history& history() noexcept { return history_; }

  /// Distinguishes this database from others, including earlier ones of the same server.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

  /// Where other servers may take over the journal: begins to ask whether this one still commits, and so knows the
  /// latest changes. @return what an answer must wait for; 0: nothing
  [[nodiscard]] std::uint64_t ask_for_round();

  /// Runs an operation without a hold if the lock is free or becomes free within an instant. Never suspends. @param
  /// done receives the result. @return false if it would have to wait; then nothing has happened.
  [[nodiscard]] bool try_execute(data_operation const& operation, lock_asker const& asker, execution& done);

  /// Like try_execute() of a GET, without the parts that a plain GET does not need.
  /// @return false also if there is no such key; then nothing has happened.
  [[nodiscard]] bool try_read(std::string_view key, lock_asker const& asker, reading& done);

  /// Runs an operation: joins the lock's queue now, applies the operation when the lock is granted, keeps the lock for
  /// terms.hold, and releases it. `operation` and `stop` must outlive the await. `stop` ends a wait (nothing has
  /// changed: errc::draining) or a hold (the outcome stays). Other errors: errc::lock_timeout, errc::queue_full. An
  /// operation without a hold waits as a function that the releasing thread runs, so that the lock never waits for a
  /// thread to wake up. A stop after it has run comes too late: the outcome stays. The queue's length is counted by the
  /// requesting threads: two that request in the same instant may swap their numbers.
  awaitable<execution> execute(data_operation const& operation, lock_terms terms, interruption& stop,
                               lock_asker asker = {});

  /// The same for the server's own work. @param key shown in lock events. Waits even if requests would be refused
  /// because the queue is full.
  awaitable<execution> run(std::string_view key, section const& what, interruption& stop, lock_asker asker);

  /// Sets a function that is called when a key gets an earlier expiry than all others. The lock's owner calls it, so it
  /// must be brief. Call this before others use the store.
  void on_earlier_expiry(std::function<void()> what) { on_earlier_expiry_ = std::move(what); }
  /// When the next key expires; no_expiry: never.
  [[nodiscard]] expiry_time next_expiry() const noexcept { return next_expiry_.load(std::memory_order_relaxed); }

  /// Memory of keys and values.
  [[nodiscard]] std::uint64_t data_bytes() const noexcept { return data_bytes_.load(std::memory_order_relaxed); }
  /// Number of keys, including expired ones that have not been removed yet.
  [[nodiscard]] std::uint64_t keys() const noexcept { return keys_.load(std::memory_order_relaxed); }
  /// Counters of the named locks.
  [[nodiscard]] named_lock_counters const& lock_counts() const noexcept { return *lock_counts_; }
  [[nodiscard]] std::uint64_t data_bytes_max() const noexcept { return data_bytes_max_; }
  /// Maximum memory since the last call.
  [[nodiscard]] std::uint64_t take_data_bytes_most() noexcept {
    return data_bytes_most_.exchange(data_bytes(), std::memory_order_relaxed);
  }

 private:
  /// Counts a waiter while it lives or until it leaves, unless there are too many.
  class waiter_place {
   public:
    /// @param is_limited false: always gets a place.
    waiter_place(store& waited_for, bool is_limited) noexcept;
    ~waiter_place() { leave(); }
    waiter_place(waiter_place const&) = delete;
    waiter_place& operator=(waiter_place const&) = delete;

    void leave() noexcept {
      if (std::exchange(is_taken_, false)) count_.fetch_sub(1, std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_taken() const noexcept { return is_taken_; }
    /// The number of waiters including this one, so 1 is next. If it got no place: what the number would be.
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

  /// Runs a section at a given time, and publishes the figures that others may read.
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
  // Written only by the lock's owner.
  std::atomic<std::uint64_t> data_bytes_{0};
  std::atomic<std::uint64_t> keys_{0};
  std::atomic<std::uint64_t> data_bytes_most_{0};  // may miss events during the call
  std::atomic<expiry_time> next_expiry_{no_expiry};
};

}  // namespace holdfast::server
