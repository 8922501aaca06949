#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "server/journal/change.hpp"
#include "server/journal/journal.hpp"

namespace holdfast::server {

/// Limits of a commit_queue.
struct commit_settings {
  std::size_t batch_bytes_max = 4 * 1024 * 1024;       ///< only a single append that is larger makes a larger batch
  std::size_t batch_changes_max = std::size_t(-1);     ///< as above
  std::size_t pending_bytes_max = 64 * 1024 * 1024;    ///< commit_queue::is_full() from here on
  std::size_t append_bytes_max = std::size_t(-1);      ///< for those who append: not much more at once
  std::chrono::milliseconds room_check_interval{250};  ///< how old the answer of has_room() may be
  /// How long a commit to a shared journal waits at most for those whom the last one has answered, as a share of the
  /// time that it took: such a commit costs much, however small it is.
  double gathering_share = 0;
};

/// Figures of one commit.
struct commit_report {
  std::size_t changes = 0;
  std::size_t bytes = 0;  ///< of keys and values
  std::chrono::steady_clock::time_point began_at;
  std::chrono::nanoseconds took{};
  std::uint64_t sequence = 0;  ///< last change, now durable
};

/// Callbacks of the commit thread. They must not throw and should not block, because the next commit waits for them.
struct commit_observers {
  /// After progress() has moved, and once when a commit has failed: wake those who withhold answers.
  std::function<void()> notify;
  /// Called after each commit, before `notify`; may be empty.
  std::function<void(commit_report const&)> measure;
  /// Called after each commit, before durable_sequence() advances, with the changes that are now durable. May be empty.
  std::function<void(std::span<change>)> take;
};

/// Group commit: changes gather while the last batch is being committed; then one thread commits all that gathered as
/// one batch, with one sync.
///
/// Clients that wait for their answers come back when they have got them. Without a delay, half of them would wait
/// while the other half is being committed, so there would be twice as many commits. Where that is expensive, a commit
/// waits a little until as many have come as there were before. A client that writes alone never waits.
///
/// Whoever owns the database's lock appends, so one thread at a time does. Changes that were appended together are
/// committed together, so a crash keeps all of them or none.
///
/// If other servers may take over the journal, what was read is known to be true only if this server was still the one
/// that commits, afterwards. Each commit proves that; where there is nothing to commit, the thread asks the journal. So
/// the answers to reads wait for a round of this thread that began after they were read, one for all that wait.
class commit_queue {
 public:
  using clock = std::chrono::steady_clock;

  /// Starts the commit thread. All changes up to the journal's position are durable.
  /// @param journal must outlive the queue, which is the only one to commit to it from now on.
  commit_queue(journal& journal, commit_settings settings, commit_observers observers);

  /// Calls finish().
  ~commit_queue();
  commit_queue(commit_queue const&) = delete;
  commit_queue& operator=(commit_queue const&) = delete;

  /// Appends changes in the order of their sequence numbers. Cheap: no system call, and no allocation once the buffers
  /// have grown.
  /// One thread at a time; call wake() after releasing the lock. Strong guarantee: after std::bad_alloc nothing was
  /// appended.
  void append(change&& change) { append(std::span(&change, 1)); }
  /// Appends them as one commit, and moves from them.
  void append(std::span<change> changes);

  /// Starts the commit of appended changes, unless it is under way. Any thread; makes a system call only if the commit
  /// thread sleeps. Changes without a following wake() wait for the next one.
  void wake();

  /// Commits pending changes, unless a commit has failed, and ends the thread. Later appends are never committed. Must
  /// not run concurrently with itself.
  void finish();

  /// All changes up to this one survive a crash. Increases; any thread. Everything before the commit happens before a
  /// read of the new number.
  [[nodiscard]] std::uint64_t durable_sequence() const noexcept {
    return durable_sequence_.load(std::memory_order_acquire);
  }

  /// All changes of data up to this revision are durable. Increases; any thread.
  [[nodiscard]] std::uint64_t durable_revision() const noexcept {
    return durable_revision_.load(std::memory_order_acquire);
  }

  /// What answers wait for: that it reaches the number that they need. A sequence number; where the journal is shared,
  /// that of a round. Grows; any thread.
  [[nodiscard]] std::uint64_t progress() const noexcept {
    return is_shared_ ? rounds_done_.load(std::memory_order_acquire) : durable_sequence();
  }

  // Where the journal is shared.

  [[nodiscard]] bool is_shared() const noexcept { return is_shared_; }
  /// Until when reads need no confirmation. Any thread.
  [[nodiscard]] clock::time_point sure_until() const noexcept { return journal_.sure_until(); }
  /// Asks for a round that begins after this call. When it is done, all is durable that was appended before, and what
  /// was read before was true. Any thread; call wake() afterwards.
  [[nodiscard]] std::uint64_t ask_for_round();

  /// Why commits have ended; null while they continue. Any thread. Nothing becomes durable any more: answers that wait
  /// for it must never be sent.
  [[nodiscard]] journal_error const* failure() const noexcept { return failed_.load(std::memory_order_acquire); }

  /// True if so much is pending that nothing should be appended: the disk is slower than the writers. The next commit
  /// resets it.
  /// Any thread.
  [[nodiscard]] bool is_full() const noexcept { return pending_bytes() >= settings_.pending_bytes_max; }
  /// True if a request of many commits should wait for progress before its next one: half of that is pending. What is
  /// left is for those who don't wait. Any thread; read progress() before it, and there will be more of it.
  [[nodiscard]] bool is_behind() const noexcept { return pending_bytes() >= settings_.pending_bytes_max / 2; }
  /// Memory of changes that are not durable yet.
  [[nodiscard]] std::size_t pending_bytes() const noexcept { return pending_bytes_.load(std::memory_order_relaxed); }

  [[nodiscard]] std::size_t append_bytes_max() const noexcept { return settings_.append_bytes_max; }

  /// journal::has_room(), asked again when the last answer is older than settings say; no after finish(). One thread at
  /// a time: whoever owns the lock, before it adds data.
  [[nodiscard]] bool has_room(clock::time_point now = clock::now());

 private:
  void run();
  bool take_gathered();
  void expect_others(clock::duration took);
  void await_others(std::unique_lock<std::mutex>& lock);
  bool commit_taken();
  bool confirm();
  void end_round();
  bool commit(std::span<change> batch, std::size_t bytes);
  void fail(journal_error const& error);

  journal& journal_;
  commit_settings const settings_;
  commit_observers const observers_;

  std::mutex mutex_;
  std::condition_variable gathered_or_stopped_;
  std::vector<change> gathering_;        // guarded by mutex_
  std::vector<std::size_t> group_ends_;  // guarded by mutex_; the index behind the last change of each append
  bool is_round_wanted_ = false;         // guarded by mutex_
  std::uint64_t rounds_begun_ = 0;       // guarded by mutex_
  bool stopped_ = false;                 // guarded by mutex_
  std::size_t groups_wanted_ = 0;        // guarded by mutex_; append() ends await_others() with so many groups; 0: none

  std::vector<change> taken_;            // used by the commit thread
  std::vector<std::size_t> taken_ends_;  // used by the commit thread
  clock::time_point gathered_by_{};      // used by the commit thread: the end of the time that is for the next batch

  bool const is_shared_;
  std::atomic<bool> sleeping_{false};
  std::atomic<std::size_t> pending_bytes_{0};
  std::atomic<std::uint64_t> durable_sequence_;
  std::atomic<std::uint64_t> durable_revision_;
  std::atomic<std::uint64_t> rounds_done_{0};
  std::optional<journal_error> failure_;  // written once by the commit thread, then published by failed_
  std::atomic<journal_error const*> failed_{nullptr};

  bool has_room_ = true;               // used by callers of has_room()
  clock::time_point room_checked_at_;  // used by callers of has_room()

  std::thread thread_;  // last member: it uses all others
};

/// Approximate memory of a pending change. The value of a touch is that of its entry, and is not stored again.
[[nodiscard]] inline std::size_t pending_bytes_of(change const& change) noexcept {
  auto const has_own_value = change.value && change.what != change::kind::touch;
  return sizeof change + change.key.size() + (has_own_value ? change.value->size() : 0);
}

}  // namespace holdfast::server
