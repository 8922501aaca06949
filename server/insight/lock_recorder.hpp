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

/// Whether the lock is watched at all; a choice of the build, for measuring what it costs.
inline constexpr bool insight_is_built = HOLDFAST_INSIGHT != 0;

/// What a thread's requests have done to the lock, counted without loss.
struct lock_counters {
  std::array<lock_histogram, lock_operations> waits;  ///< of all that were granted
  std::array<lock_histogram, lock_operations> holds;
  counter contended;  ///< how many of the grants had to wait
  counter timed_out, cancelled, hung_up, refused;
  counter cut_short;         ///< holds that ended early, since the client went or the server drained
  counter waiting, holding;  ///< now; these sink too

  /// A visit that has ended.
  void count(lock_event const& done) noexcept {
    auto const kind = static_cast<std::size_t>(done.operation);
    waits[kind].add(done.granted_ns - done.asked_ns);
    holds[kind].add(done.ended_ns - done.granted_ns);
    if (done.position != 0) contended.add();
  }
};

/// One that waits or holds now, as others may see it.
struct present_request : boost::intrusive::list_base_hook<> {
  lock_event event;
  std::string_view key;
};

class lock_visit;

/// One thread's end of what is known of the lock: its events, its counters, and who of its requests waits or holds now.
/// The thread itself records, and pays for nothing but plain stores, unless a request waits or holds. Any thread reads.
/// Memory: 2 MiB of events. A waiter or holder brings its own, so that there are as many as the store lets wait.
class lock_recorder {
 public:
  using clock = std::chrono::steady_clock;

  /// @param index of the thread, below `threads`. @param started_at from when on time is counted.
  lock_recorder(unsigned index, unsigned threads, clock::time_point started_at);

  /// A number that no other request has.
  [[nodiscard]] std::uint64_t next_id() noexcept { return last_id_ += threads_; }

  /// Records a request that found the lock free and let go of it at once. To be called while the lock is still held, so
  /// that whoever is granted it next finds the record.
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

  /// That of the thread which calls, where it has one.
  static inline constinit thread_local lock_recorder* of_this_thread = nullptr;

  /// The requests that this thread has answered, whatever they were for.
  request_counters requests;

  [[nodiscard]] lock_counters const& counters() const noexcept { return counters_; }
  [[nodiscard]] event_ring const& ring() const noexcept { return ring_; }

  /// Appends who waits or holds now; the limits count what this recorder adds. The keys of those who are not listed are
  /// not copied.
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
  boost::intrusive::list<present_request> present_;  // in the order in which they came; belongs to mutex_
};

/// Who asks for the lock, for whoever watches.
struct lock_asker {
  lock_recorder* recorder = nullptr;  ///< of the thread that asks; null: nobody watches
  peer_address source;
  lock_operation operation = lock_operation::get;

  [[nodiscard]] bool is_watched() const noexcept { return insight_is_built && recorder != nullptr; }
};

/// A request for the lock that may wait or hold, from asking to its end. Lives on one thread: the recorder's.
class lock_visit : private present_request {
 public:
  using clock = lock_recorder::clock;

  /// @param key must outlive it.
  lock_visit(lock_asker const& asker, std::string_view key, clock::time_point asked_at);
  ~lock_visit();
  lock_visit(lock_visit const&) = delete;
  lock_visit& operator=(lock_visit const&) = delete;

  /// Concerns something else than was thought when it came. @param key must outlive it.
  void concerns(std::string_view key) noexcept;
  /// Has found the lock taken, and would be at this position of the queue.
  void stands_at(std::uint32_t position) noexcept { event.position = position; }
  /// Is about to take its place in the queue.
  void waits();
  /// Owns the lock from now on. @param hold what it is going to hold across an await; 0: nothing.
  void granted(clock::time_point at, std::chrono::nanoseconds hold);
  /// Gives it up; to be called while the lock is still held.
  void released(clock::time_point at, lock_outcome outcome = lock_outcome::released);
  /// Was granted the lock for a section that the calling thread, perhaps not the recorder's, has run and still owns it
  /// for: records it in that thread's name, so that whoever is granted the lock next finds the record.
  void was_run(clock::time_point granted_at, clock::time_point released_at) noexcept;
  /// The same was reported; now on the recorder's thread.
  void has_run(clock::time_point granted_at, clock::time_point released_at);
  /// Goes without ever having owned it.
  void left(clock::time_point at, lock_outcome outcome);

  [[nodiscard]] std::uint64_t id() const noexcept { return event.id; }  ///< 0: nobody watches
  [[nodiscard]] std::uint32_t position() const noexcept { return event.position; }

 private:
  void tell(lock_event::kind what);
  void come();
  void go();
  void end(clock::time_point at, lock_outcome outcome);

  lock_recorder* const recorder_;
  bool is_present_ = false;  // then the event is changed under the recorder's mutex alone
  bool waits_ = false, holds_ = false;
  bool is_told_ = false;  // by whoever ran the section
};

}  // namespace holdfast::server
