#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/insight/counters.hpp"
#include "server/insight/event_ring.hpp"
#include "server/insight/lock_event.hpp"
#include "server/insight/present_requests.hpp"
#include "server/insight/request_counters.hpp"

#ifndef HOLDFAST_INSIGHT
#define HOLDFAST_INSIGHT 1
#endif

namespace holdfast::server {

/// False if the build leaves out all recording, for measuring its cost.
inline constexpr bool insight_is_built = HOLDFAST_INSIGHT != 0;

/// Exact counts of what a thread's requests did with the lock.
struct lock_counters {
  std::array<lock_histogram, lock_operations> waits;  ///< waits of all requests that acquired the lock
  std::array<lock_histogram, lock_operations> holds;
  counter contended;  ///< grants that had to wait
  counter timed_out, cancelled, hung_up, refused;
  counter cut_short;         ///< holds that ended early, because of a disconnect or a drain
  counter waiting, holding;  ///< current numbers

  /// Counts an ended request.
  void count(lock_event const& done) noexcept {
    auto const kind = static_cast<std::size_t>(done.operation);
    waits[kind].add(done.granted_ns - done.asked_ns);
    holds[kind].add(done.ended_ns - done.granted_ns);
    if (done.position != 0) contended.add();
  }
};

/// A request that waits or holds now, readable by other threads.
struct present_request : boost::intrusive::list_base_hook<> {
  lock_event event;
  std::string_view key;
};

class lock_visit;

/// One thread's records of the lock: its events, its counters, and its requests that wait or hold now. Only the thread
/// itself records, and needs only plain stores unless a request waits or holds. Any thread may read. Memory: 2 MiB of
/// events. Each waiter or holder brings its own list node, so the store's limit on waiters applies.
class lock_recorder {
 public:
  using clock = std::chrono::steady_clock;

  /// @param index of the thread, below `threads`. @param started_at origin of all times.
  lock_recorder(unsigned index, unsigned threads, clock::time_point started_at);

  /// A number unique among all requests.
  [[nodiscard]] std::uint64_t next_id() noexcept { return last_id_ += threads_; }

  /// Records a request that found the lock free and released it at once. Call it while the lock is still held, so that
  /// the record precedes that of the next owner.
  /// @return the request's id.
  std::uint64_t passed(peer_address const& source, lock_operation operation, std::string_view key,
                       clock::time_point granted_at, clock::time_point released_at) noexcept {
    auto const id = next_id();
    auto const granted_ns = ns_of(granted_at), ended_ns = ns_of(released_at);
    lock_event const event{.what = lock_event::kind::done,
                           .operation = operation,
                           .outcome = lock_outcome::released,
                           .position = 0,
                           .id = id,
                           .source = source,
                           .asked_ns = granted_ns,
                           .granted_ns = granted_ns,
                           .ended_ns = ended_ns,
                           .hold_ns = 0};
    ring_.append(event, key);
    auto const kind = static_cast<std::size_t>(operation);
    counters_.waits[kind].add(0);
    counters_.holds[kind].add(ended_ns - granted_ns);
    return id;
  }

  [[nodiscard]] std::int64_t ns_of(clock::time_point time) const noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time - started_at_).count();
  }

  /// The calling thread's recorder, or null.
  static inline constinit thread_local lock_recorder* of_this_thread = nullptr;

  /// All requests answered by this thread.
  request_counters requests;

  [[nodiscard]] lock_counters const& counters() const noexcept { return counters_; }
  [[nodiscard]] event_ring const& ring() const noexcept { return ring_; }

  /// Appends the requests that wait or hold now, within the limits for this recorder. Copies the keys of listed
  /// requests only.
  void append_present(present_requests& found, present_limits const& limits) const;
  [[nodiscard]] bool is_anyone_present() const;

 private:
  friend lock_visit;

  unsigned const threads_;
  clock::time_point const started_at_;
  std::uint64_t last_id_;
  event_ring ring_;
  lock_counters counters_;
  mutable std::mutex mutex_;
  boost::intrusive::list<present_request> present_;  // in order of arrival; guarded by mutex_
};

/// The origin of a request for the lock.
struct lock_asker {
  lock_recorder* recorder = nullptr;  ///< of the requesting thread; null to record nothing
  peer_address source;
  lock_operation operation = lock_operation::get;

  [[nodiscard]] bool is_watched() const noexcept { return insight_is_built && recorder != nullptr; }
};

/// Records a request that may wait or hold, from its arrival to its end. On the recorder's thread only, except
/// was_run().
class lock_visit : private present_request {
 public:
  using clock = lock_recorder::clock;

  /// @param key must outlive this object.
  lock_visit(lock_asker const& asker, std::string_view key, clock::time_point asked_at);
  ~lock_visit();
  lock_visit(lock_visit const&) = delete;
  lock_visit& operator=(lock_visit const&) = delete;

  /// Replaces the key, if the request turns out to concern another one. @param key must outlive this object.
  void concerns(std::string_view key) noexcept;
  /// The lock is taken; the request would get this position in the queue.
  void stands_at(std::uint32_t position) noexcept { event.position = position; }
  /// The request is about to enter the queue.
  void waits();
  /// The lock is acquired. @param hold intended duration of a hold across an await; 0 for none.
  void granted(clock::time_point at, std::chrono::nanoseconds hold);
  /// The lock is about to be released: call it while the lock is still held.
  void released(clock::time_point at, lock_outcome outcome = lock_outcome::released);
  /// The calling thread, possibly another than the recorder's, has run the request's section and still owns the lock.
  /// Records it on the calling thread, so that the record precedes that of the next owner.
  void was_run(clock::time_point granted_at, clock::time_point released_at) noexcept;
  /// Call on the recorder's thread after the section has run; records it unless was_run() has.
  void has_run(clock::time_point granted_at, clock::time_point released_at);
  /// The request ended without acquiring the lock.
  void left(clock::time_point at, lock_outcome outcome);

  [[nodiscard]] std::uint64_t id() const noexcept { return event.id; }  ///< 0 without a recorder
  [[nodiscard]] std::uint32_t position() const noexcept { return event.position; }

 private:
  void tell(lock_event::kind what);
  void come();
  void go();
  void end(clock::time_point at, lock_outcome outcome);

  lock_recorder* const recorder_;
  bool is_present_ = false;  // if true, the event changes only under the recorder's mutex
  bool waits_ = false, holds_ = false;
  bool is_told_ = false;  // was_run() has recorded the end
};

}  // namespace holdfast::server
