#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/insight/event_ring.hpp"
#include "server/insight/lock_event.hpp"
#include "server/insight/source_names.hpp"
#include "server/insight/told_event.hpp"

namespace holdfast::server {

/// The events of all threads in one order, the latest of them, for whoever asks. Nothing happens here while nobody
/// does. What an event contains, and behind whom its request waited, is found and written once, for the first consumer
/// that gets it; all others copy bytes. Any thread.
///
/// Memory: at most 32,768 events, and 32 MiB of events and texts; 1 MiB of what is known of holds; and 0.25 MiB for
/// each thread, whose ring is read in pieces.
class lock_feed {
 public:
  static constexpr std::size_t events_max = 32'768;
  static constexpr std::size_t bytes_max = 32 * 1024 * 1024;
  static constexpr std::size_t behind_max = 8;
  /// Of this many holds before the end of a wait the longest are looked for; what came before counts among the others.
  static constexpr std::size_t holds_searched_max = 1024;

  /// @param rings of the threads; must outlive it. @param start see protocol::request_id. @param names of the sources;
  /// must outlive it; null: they are shown by their addresses.
  lock_feed(std::vector<event_ring const*> const& rings, std::uint64_t start, source_names const* names = nullptr);

  /// How a source is shown.
  [[nodiscard]] std::string text_of(peer_address const& source) const {
    return names_ != nullptr ? names_->text_of(source) : to_string(source);
  }

  /// Takes in what has happened. @return the number that the next event will have.
  std::uint64_t next_number();

  struct portion {
    std::size_t events_max;
    std::size_t bytes_max;    ///< it ends behind the event that reaches them
    std::size_t backlog_max;  ///< where more events are to be had, the oldest of them are passed over
  };
  struct taken {
    std::uint64_t missed = 0;  ///< lost or passed over. Where there are any, nothing else is taken
    std::size_t events = 0;
    bool more = false;  ///< to be had at once
  };

  /// Takes in what has happened, appends the events from `number` on to `out`, ready to be sent, and moves `number`
  /// behind them.
  taken take(std::uint64_t& number, portion const& most, event_format format, std::string& out);

  /// Some events' numbers: from `first` on, below `next`.
  struct range {
    std::uint64_t first, next;
  };

  /// Takes in what has happened. @return all that is still there and happened at `since_ns` or later.
  range numbers_since(std::int64_t since_ns);

  /// A request's `done`.
  struct ended_request {
    std::uint64_t number = 0;
    lock_event event;
    std::string key;
  };
  /// Some requests in their order, and the next that owned the lock: at most 65, with their keys some 80 KiB.
  struct ended_requests {
    std::vector<ended_request> found;
    std::optional<ended_request> next_owner;  ///< behind those found, if there was one before the next loss
    std::uint64_t owners_sought_until = 0;    ///< no other owner has a number below
  };

  /// Finds the requests that ended by the events from `number` on, below `until`, some of them, and moves `number`
  /// behind what it has looked at. To be called with the same `requests` again.
  /// @return how many events were lost before; then nothing else is found, and the next owner of before stays.
  std::uint64_t find_ended(std::uint64_t& number, std::uint64_t until, ended_requests& requests);

  /// How many events take() has reported as lost or skipped, to all who asked together.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

  /// How many events were made ready to be sent.
  [[nodiscard]] std::uint64_t written() const noexcept { return written_.load(std::memory_order_relaxed); }

  /// The bytes of what is kept.
  [[nodiscard]] std::size_t bytes();

 private:
  struct kept_event {
    std::uint64_t number;
    lock_event event;
    std::string key;
    std::string text;             // a server-sent event; empty: nobody has asked for it
    std::size_t json_begins = 0;  // in text

    [[nodiscard]] std::size_t bytes() const noexcept { return sizeof(kept_event) + key.size() + text.size(); }
    [[nodiscard]] bool is_of_owner() const noexcept {
      return event.what == lock_event::kind::done && event.granted_ns != lock_event::never;
    }
  };
  using kept_events = std::deque<kept_event>;
  struct ring_reader {
    event_ring const* ring = nullptr;
    event_ring::cursor cursor = {};
    std::uint64_t end = 0;                      // what lies before it is taken in
    std::vector<event_ring::entry> piece = {};  // read by the cursor
    std::size_t next = 0;                       // of the piece, to be taken in

    bool has_next(std::uint64_t& lost, bool is_alone);
  };
  struct hold {
    std::uint64_t number;  // of its `done`
    std::int64_t granted_ns, ended_ns;
    std::int64_t held_before_ns;  // of all holds before this one
  };

  void collect();
  void merge();
  void keep(event_ring::entry&& one);
  void keep_hold(std::uint64_t number, lock_event const& event);
  void forget_oldest();
  [[nodiscard]] kept_events::iterator find(std::uint64_t number);
  void write(kept_event& kept);
  void blame(told_event& told);

  std::uint64_t const start_;
  source_names const* const names_;
  std::atomic<std::uint64_t> dropped_{0}, written_{0};

  std::mutex mutex_;  // guards all that follows
  std::vector<ring_reader> rings_;
  std::uint64_t next_number_ = 1;
  kept_events events_;  // by number, with gaps where some were lost
  std::size_t bytes_ = 0;
  std::deque<hold> holds_;               // of those in events_, by time
  std::optional<kept_event> open_hold_;  // the `granted` whose `done` is still to come
  std::string text_;                     // for one event
};

}  // namespace holdfast::server
