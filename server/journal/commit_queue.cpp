#include "server/journal/commit_queue.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <type_traits>
#include <utility>

#include "server/journal/own_thread.hpp"

namespace holdfast::server {

namespace {

std::size_t bytes_of(std::span<change const> changes) {
  std::size_t bytes = 0;
  for (auto const& change : changes) bytes += pending_bytes_of(change);
  return bytes;
}

static_assert(std::is_nothrow_move_constructible_v<change>, "append() promises to hand over all or nothing");

/// Clears a buffer but keeps its memory, unless a burst has made it large.
template <class T>
void reuse(std::vector<T>& buffer) {
  constexpr std::size_t kept_max = 16 * 1024;
  buffer.clear();
  if (buffer.capacity() > kept_max) buffer = {};
}

}  // namespace

commit_queue::commit_queue(journal& journal, commit_settings settings, commit_observers observers)
    : journal_(journal),
      settings_(settings),
      observers_(std::move(observers)),
      is_shared_(journal.is_shared()),
      durable_sequence_(journal.position().sequence),
      durable_revision_(journal.position().revision) {
  thread_ = start_thread("commit", [this] { run(); });
}

commit_queue::~commit_queue() {
  finish();
}

void commit_queue::finish() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard const lock(mutex_);
    stopped_ = true;
  }
  gathered_or_stopped_.notify_one();
  thread_.join();
}

void commit_queue::append(std::span<change> changes) {
  if (changes.empty()) return;
  auto const bytes = bytes_of(changes);
  std::lock_guard const lock(mutex_);
  group_ends_.push_back(gathering_.size() + changes.size());
  try {
    gathering_.insert(gathering_.end(), std::move_iterator(changes.begin()), std::move_iterator(changes.end()));
  } catch (...) {
    group_ends_.pop_back();
    throw;
  }
  pending_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (groups_wanted_ != 0 && group_ends_.size() >= groups_wanted_) {
    groups_wanted_ = 0;
    sleeping_.store(true, std::memory_order_relaxed);  // for the following wake()
  }
}

void commit_queue::wake() {
  // The flag is set under the mutex while nothing is pending, so whoever appends afterwards sees it.
  // Only the first wake() must make the call. It clears the flag under the mutex, so the thread is waiting by then: a
  // late wake() that cleared it just before the wait began would leave the thread asleep with the flag cleared, and
  // nobody would wake it any more.
  if (!sleeping_.load(std::memory_order_relaxed)) return;
  {
    std::lock_guard const lock(mutex_);
    if (!sleeping_.exchange(false, std::memory_order_relaxed)) return;
  }
  gathered_or_stopped_.notify_one();
}

bool commit_queue::has_room(clock::time_point now) {
  if (!thread_.joinable()) return false;  // the journal may be closed by now
  if (room_checked_at_ == clock::time_point{} || now - room_checked_at_ >= settings_.room_check_interval) {
    has_room_ = journal_.has_room();
    room_checked_at_ = now;
  }
  return has_room_;
}

std::uint64_t commit_queue::ask_for_round() {
  std::lock_guard const lock(mutex_);
  is_round_wanted_ = true;
  return rounds_begun_ + 1;
}

void commit_queue::run() {
  while (take_gathered()) {
    auto const began_at = clock::now();
    if (!(taken_.empty() ? confirm() : commit_taken())) return;
    if (!is_shared_) continue;
    if (settings_.gathering_share > 0) expect_others(clock::now() - began_at);
    end_round();
  }
}

/// Waits until there is something to commit or to confirm. @return false when there is nothing, and will not be.
bool commit_queue::take_gathered() {
  reuse(taken_);
  reuse(taken_ends_);
  std::unique_lock lock(mutex_);
  while (gathering_.empty() && !is_round_wanted_ && !stopped_) {
    sleeping_.store(true, std::memory_order_relaxed);
    gathered_or_stopped_.wait(lock);
    sleeping_.store(false, std::memory_order_relaxed);
  }
  if (!gathering_.empty() && group_ends_.size() < groups_wanted_) await_others(lock);
  groups_wanted_ = 0;
  taken_.swap(gathering_);
  taken_ends_.swap(group_ends_);
  is_round_wanted_ = false;
  ++rounds_begun_;
  return !taken_.empty() || !stopped_;
}

/// Before the answers are sent, so that nobody who comes back counts twice.
void commit_queue::expect_others(clock::duration took) {
  gathered_by_ = clock::now() + std::chrono::duration_cast<clock::duration>(took * settings_.gathering_share);
  std::lock_guard const lock(mutex_);
  groups_wanted_ = group_ends_.size() + taken_ends_.size();
}

/// Waits until all have come whom the last commit has answered, but not long.
void commit_queue::await_others(std::unique_lock<std::mutex>& lock) {
  while (groups_wanted_ != 0 && !stopped_ && clock::now() < gathered_by_)
    gathered_or_stopped_.wait_until(lock, gathered_by_);
  sleeping_.store(false, std::memory_order_relaxed);
}

/// The round had nothing to commit. @return false when another server has taken over, or that is not known.
bool commit_queue::confirm() {
  try {
    auto const error = journal_.confirm();
    if (error) fail(*error);
    return !error;
  } catch (std::exception const& error) {
    fail({journal_fault::storage_failed, std::string("a question to the journal ended half-way: ") + error.what()});
    return false;
  }
}

void commit_queue::end_round() {
  rounds_done_.fetch_add(1, std::memory_order_release);
  observers_.notify();
}

/// Commits everything taken, in batches of entire groups. @return false on failure.
bool commit_queue::commit_taken() {
  std::size_t begin = 0, end = 0, bytes = 0;
  for (auto const group_end : taken_ends_) {
    auto const group_bytes = bytes_of(std::span(taken_).subspan(end, group_end - end));
    auto const is_too_large =
        bytes + group_bytes > settings_.batch_bytes_max || group_end - begin > settings_.batch_changes_max;
    if (end != begin && is_too_large) {
      if (!commit(std::span(taken_).subspan(begin, end - begin), bytes)) return false;
      begin = end;
      bytes = 0;
    }
    end = group_end;
    bytes += group_bytes;
  }
  return commit(std::span(taken_).subspan(begin, end - begin), bytes);
}

bool commit_queue::commit(std::span<change> batch, std::size_t bytes) {
  commit_report report{.changes = batch.size(), .began_at = clock::now(), .sequence = batch.back().sequence};
  try {
    if (auto const error = journal_.commit(batch)) {
      fail(*error);
      return false;
    }
  } catch (std::exception const& error) {
    // Out of memory, for example. The state of the journal is unknown.
    fail({journal_fault::storage_failed, std::string("a commit ended half-way: ") + error.what()});
    return false;
  }
  report.took = clock::now() - report.began_at;
  report.bytes = bytes - batch.size() * sizeof(change);
  auto revision = durable_revision_.load(std::memory_order_relaxed);
  for (auto const& one : batch) revision = std::max(revision, one.revision);
  if (observers_.take) observers_.take(batch);
  durable_revision_.store(revision, std::memory_order_release);
  pending_bytes_.fetch_sub(bytes, std::memory_order_relaxed);  // published by the next line, see is_behind()
  durable_sequence_.store(report.sequence, std::memory_order_release);
  if (observers_.measure) observers_.measure(report);
  if (!is_shared_) observers_.notify();  // else at the end of the round
  return true;
}

void commit_queue::fail(journal_error const& error) {
  failure_.emplace(error);
  failed_.store(&*failure_, std::memory_order_release);
  observers_.notify();
}

}  // namespace holdfast::server
