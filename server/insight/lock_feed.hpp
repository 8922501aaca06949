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

/// The latest events of all threads in one order, for consumers. Events are processed only when a consumer asks. The
/// text of an event, with the holds that delayed its request, is computed once for the first consumer; all others copy
/// the bytes. Thread-safe.
///
/// Memory: at most 32,768 events and 32 MiB of events and texts; 1 MiB for holds; and 0.25 MiB per thread for reading
/// its ring in pieces.
class lock_feed {
 public:
  static constexpr std::size_t events_max = 32'768;
  static constexpr std::size_t bytes_max = 32 * 1024 * 1024;
  static constexpr std::size_t behind_max = 8;
  /// Blame for a wait considers this many holds before its end; earlier ones count as others.
  static constexpr std::size_t holds_searched_max = 1024;

  /// @param rings of the threads; must outlive this object. @param start see protocol::request_id. @param names of the
  /// sources, must outlive this object; null shows sources by address.
  lock_feed(std::vector<event_ring const*> const& rings, std::uint64_t start, source_names const* names = nullptr);

  /// The displayed name of a source.
  [[nodiscard]] std::string text_of(peer_address const& source) const {
    return names_ != nullptr ? names_->text_of(source) : to_string(source);
  }

  /// Collects new events. @return the number of the next event.
  std::uint64_t next_number();

  struct portion {
    std::size_t events_max;
    std::size_t bytes_max;    ///< the portion ends with the event that reaches this
    std::size_t backlog_max;  ///< if more events are available, the oldest are skipped
  };
  struct taken {
    std::uint64_t missed = 0;  ///< lost or skipped events; if not 0, nothing else was taken
    std::size_t events = 0;
    bool more = false;  ///< true if further events are available now
  };

  /// Collects new events, appends the events from `number` on to `out` in wire format, and advances `number`.
  taken take(std::uint64_t& number, portion const& most, event_format format, std::string& out);

  /// Event numbers in [first, next).
  struct range {
    std::uint64_t first, next;
  };

  /// Collects new events. @return the range of kept events that happened at `since_ns` or later.
  range numbers_since(std::int64_t since_ns);

  /// The `done` event of a request.
  struct ended_request {
    std::uint64_t number = 0;
    lock_event event;
    std::string key;
  };
  /// Ended requests in order, and the next owner of the lock: at most 65, about 80 KiB with their keys.
  struct ended_requests {
    std::vector<ended_request> found;
    std::optional<ended_request> next_owner;  ///< the owner after the found ones, if any before the next loss
    std::uint64_t owners_sought_until = 0;    ///< no other owner has a number below this
  };

  /// Finds some of the requests that ended in the events from `number` to below `until`, and advances `number`. Call it
  /// again with the same `requests`.
  /// @return the number of lost events before them; if not 0, nothing else was found and next_owner is unchanged.
  std::uint64_t find_ended(std::uint64_t& number, std::uint64_t until, ended_requests& requests);

  /// Events reported as lost or skipped by take(), summed over all consumers.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

  /// Events converted to text so far.
  [[nodiscard]] std::uint64_t written() const noexcept { return written_.load(std::memory_order_relaxed); }

  /// Memory used by the kept events and their texts, in bytes.
  [[nodiscard]] std::size_t bytes();

 private:
  struct kept_event {
    std::uint64_t number;
    lock_event event;
    std::string key;
    std::string text;             // a server-sent event; empty until a consumer asks
    std::size_t json_begins = 0;  // offset in text

    [[nodiscard]] std::size_t bytes() const noexcept { return sizeof(kept_event) + key.size() + text.size(); }
    [[nodiscard]] bool is_of_owner() const noexcept {
      return event.what == lock_event::kind::done && event.granted_ns != lock_event::never;
    }
  };
  using kept_events = std::deque<kept_event>;
  struct ring_reader {
    event_ring const* ring = nullptr;
    event_ring::cursor cursor = {};
    std::uint64_t end = 0;                      // events before it belong to the current merge
    std::vector<event_ring::entry> piece = {};  // read, not yet merged events
    std::size_t next = 0;                       // index into piece of the next to merge

    bool has_next(std::uint64_t& lost, bool is_alone);
  };
  struct hold {
    std::uint64_t number;  // of its `done`
    std::int64_t granted_ns, ended_ns;
    std::int64_t held_before_ns;  // total of all holds before this one
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

  std::mutex mutex_;  // guards all members below
  std::vector<ring_reader> rings_;
  std::uint64_t next_number_ = 1;
  kept_events events_;  // ordered by number, with gaps for lost events
  std::size_t bytes_ = 0;
  std::deque<hold> holds_;               // holds of the events in events_, by time
  std::optional<kept_event> open_hold_;  // the `granted` event whose `done` is still missing
  std::string text_;                     // buffer for one event
};

}  // namespace holdfast::server
