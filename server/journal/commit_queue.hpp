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

/// Bounds of what a commit_queue keeps.
struct commit_settings {
  std::size_t batch_bytes_max = 4 * 1024 * 1024;       ///< only a single append that is larger makes a larger batch
  std::size_t batch_changes_max = std::size_t(-1);     ///< as above
  std::size_t pending_bytes_max = 64 * 1024 * 1024;    ///< commit_queue::is_full() from here on
  std::chrono::milliseconds room_check_interval{250};  ///< how old the answer of has_room() may be
};

/// One commit, for those who measure.
struct commit_report {
  std::size_t changes = 0;
  std::size_t bytes = 0;  ///< keys and values
  std::chrono::steady_clock::time_point began_at;
  std::chrono::nanoseconds took{};
  std::uint64_t sequence = 0;  ///< of the last change: durable now
};

/// Called by the commit thread; they must not throw and should not block, since the next commit waits for them.
struct commit_observers {
  /// After progress() has moved, and once when a commit has failed: wake those who withhold answers.
  std::function<void()> notify;
  /// After each commit, before `notify`; may be empty.
  std::function<void(commit_report const&)> measure;
  /// After each commit, before durable_sequence() moves: takes the changes that are durable now. May be empty.
  std::function<void(std::span<change>)> take;
};

/// Group commit: changes gather while the last batch is being committed; then one thread commits all that gathered as
/// one batch, with one sync. Nothing is ever delayed so that more might gather.
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

  /// As finish().
  ~commit_queue();
  commit_queue(commit_queue const&) = delete;
  commit_queue& operator=(commit_queue const&) = delete;

  /// Hands over changes, in the order of their sequence numbers. Cheap: no system call, and no allocation once the
  /// buffers have grown. One thread at a time; call wake() when the lock is released.
  ///  Strong guarantee: std::bad_alloc hands over nothing.
  void append(change&& change) { append(std::span(&change, 1)); }
  /// All of them in one commit. They are moved from.
  void append(std::span<change> changes);

  /// Starts the commit of what was appended, unless it has started by itself. Any thread; a system call only if the
  /// commit thread sleeps. What is appended and never followed by wake() waits until the next one.
  void wake();

  /// Commits what is pending, unless a commit has failed, and ends the thread. What is appended afterwards is never
  /// committed. Not while another thread calls it.
  void finish();

  /// All changes up to this one survive a crash. Grows; any thread. What happened before the commit is visible to who
  /// reads it.
  [[nodiscard]] std::uint64_t durable_sequence() const noexcept {
    return durable_sequence_.load(std::memory_order_acquire);
  }

  /// All changes of data up to this revision are durable. Grows; any thread.
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

  /// Whether so much is pending that nothing should be appended now: the disk is slower than the writers. It falls
  /// again at the next commit. Any thread.
  [[nodiscard]] bool is_full() const noexcept { return pending_bytes() >= settings_.pending_bytes_max; }
  /// What the changes take in memory that are not durable yet.
  [[nodiscard]] std::size_t pending_bytes() const noexcept { return pending_bytes_.load(std::memory_order_relaxed); }

  /// journal::has_room(), asked again when the last answer is older than settings say; no after finish(). One thread at
  /// a time: whoever owns the lock, before it adds data.
  [[nodiscard]] bool has_room(clock::time_point now = clock::now());

 private:
  void run();
  bool take_gathered();
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

  std::vector<change> taken_;            // the commit thread's
  std::vector<std::size_t> taken_ends_;  // the commit thread's

  bool const is_shared_;
  std::atomic<bool> sleeping_{false};
  std::atomic<std::size_t> pending_bytes_{0};
  std::atomic<std::uint64_t> durable_sequence_;
  std::atomic<std::uint64_t> durable_revision_;
  std::atomic<std::uint64_t> rounds_done_{0};
  std::optional<journal_error> failure_;  // written once by the commit thread, then published by failed_
  std::atomic<journal_error const*> failed_{nullptr};

  bool has_room_ = true;               // whoever may call has_room()
  clock::time_point room_checked_at_;  // whoever may call has_room()

  std::thread thread_;  // last: it uses all the others
};

/// What a change takes while it is pending, about.
[[nodiscard]] inline std::size_t pending_bytes_of(change const& change) noexcept {
  return sizeof change + change.key.size() + (change.value ? change.value->size() : 0);
}

}  // namespace holdfast::server
