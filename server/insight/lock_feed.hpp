#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/insight/event_ring.hpp"
#include "server/insight/lock_recorder.hpp"

namespace holdfast::server {

/// Who made somebody wait, and for how much of his wait.
struct lock_blame {
  std::uint64_t id = 0;
  peer_address source;
  lock_operation operation = lock_operation::get;
  std::string key;
  std::int64_t held_ns = 0;
};

/// All that an event tells.
struct told_event {
  std::uint64_t number = 0;  ///< from 1 on, in the order in which they happened; what is lost has its numbers too
  lock_event event;
  std::string key;
  std::vector<lock_blame> behind;     ///< of a `done` that waited: the longest holds within its wait, longest first
  std::uint64_t behind_others = 0;    ///< how many more holds there were
  std::int64_t behind_others_ns = 0;  ///< and how long these took of the wait
};

/// The events of all threads in one order, the latest of them, for whoever asks. Nothing happens here while nobody
/// does. Bounded: 32,768 events. Any thread.
class lock_feed {
 public:
  static constexpr std::size_t events_max = 32'768;
  static constexpr std::size_t behind_max = 8;
  /// Of so many holds before the end of a wait the longest are looked for; what came before counts among the others.
  static constexpr std::size_t holds_searched_max = 1024;

  /// The recorders must outlive it.
  explicit lock_feed(std::vector<lock_recorder const*> recorders);

  /// Takes in what has happened. @return the number that the next event will have.
  std::uint64_t next_number();

  /// Takes in what has happened, and appends the events from `number` on to `events`, at most `most`, and moves
  /// `number` behind them. Where more than `backlog_max` are to be had, the oldest of them are passed over.
  /// @return how many were lost or passed over; in their order they came before all that was appended.
  std::uint64_t take(std::uint64_t& number, std::size_t most, std::size_t backlog_max, std::vector<told_event>& events);

  /// Takes in what has happened. @return all that is still there and happened at `since_ns` or later, without blame.
  [[nodiscard]] std::vector<told_event> since(std::int64_t since_ns);

  /// How many events take() has told of as lost or passed over, to all who asked together.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct kept_event {
    std::uint64_t number;
    lock_event event;
    std::string key;
  };
  struct hold {
    std::uint64_t number;  // of its `done`
    std::int64_t granted_ns, ended_ns;
    std::int64_t held_before_ns;  // of all holds before this one
  };

  void collect();
  void keep(event_ring::entry&& one);
  void keep_hold(std::uint64_t number, lock_event const& event);
  [[nodiscard]] std::deque<kept_event>::const_iterator find(std::uint64_t number) const;
  [[nodiscard]] told_event tell(kept_event const& kept) const;
  void blame(told_event& told) const;

  std::vector<lock_recorder const*> const recorders_;
  std::atomic<std::uint64_t> dropped_{0};

  std::mutex mutex_;  // guards all that follows
  std::vector<event_ring::cursor> cursors_;
  std::vector<event_ring::entry> batch_;
  std::uint64_t next_number_ = 1;
  std::deque<kept_event> events_;        // by number, with gaps where some were lost
  std::deque<hold> holds_;               // of those in events_, by time
  std::optional<kept_event> open_hold_;  // the `granted` whose `done` is still to come
};

}  // namespace holdfast::server
