#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/insight/lock_feed.hpp"
#include "server/insight/present_requests.hpp"

namespace holdfast::server {

/// The events as a trace in Chrome's JSON format ("Trace Event Format"), which ui.perfetto.dev and speedscope open: a
/// track per source, a slice for each wait and each hold, an arrow from each release to the grant it caused, and a
/// counter of the queue's length. Times are microseconds since the server's start. Unfinished waits and holds end at
/// `now_ns`.
///
/// Written in pieces from the feed's events in the order in which requests ended, so that time never goes back within a
/// track. Events may be overwritten before a slow reader's trace gets to them: a counter `lost events` shows where, and
/// `otherData` how many. Single-threaded.
///
/// Memory: some requests of the feed, 80 KiB; present requests up to present_max, and at most 256 KiB for waiters
/// beyond that; 16 bytes for each request that has waited, at most 768 KiB; and the tracks, 512 KiB.
class lock_trace {
 public:
  /// append_piece() stops after this many bytes.
  static constexpr std::size_t piece_bytes = 64 * 1024;
  /// Enough for 16,384 waiters with short keys. Waiters beyond count in the queue's length but are not drawn.
  static constexpr present_limits present_max{.entries_max = 16'384, .bytes_max = 2 * 1024 * 1024};
  /// With more sources, all open tracks end; their sources continue in new tracks with the same names.
  static constexpr std::size_t tracks_max = 4096;

  /// @param feed must outlive this object. The trace ends with the feed's current events. @param present the requests
  /// that wait or hold at `now_ns`, queried before the construction; for those that have ended since, the event counts.
  /// @param since_ns earlier times are cut off.
  lock_trace(lock_feed& feed, present_requests present, std::int64_t since_ns, std::int64_t now_ns,
             std::uint64_t start);
  ~lock_trace();
  lock_trace(lock_trace const&) = delete;
  lock_trace& operator=(lock_trace const&) = delete;

  /// Appends the next part. @return false if the trace is complete.
  bool append_piece(std::string& out);

  /// Memory in use, in bytes.
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct visit;
  /// A change of the queue's length by one: twice the time, plus one if the queue grew.
  using queue_change = std::int64_t;
  using track_key = std::pair<std::array<std::uint8_t, 16>, std::uint64_t>;  // the second has port, kind and name

  void find_next();
  void write_ended(std::string& out, lock_feed::ended_request const& request);
  void write_present(std::string& out, event_ring::entry const& request);
  void write_loss(std::string& out, std::int64_t at_ns);
  void end_queue();
  bool write_queue(std::string& out);
  void write_end(std::string& out) const;
  void forget_present(std::uint64_t id);
  [[nodiscard]] lock_event const* next_owner() const;
  [[nodiscard]] lock_event const* present_owner_after(lock_event const& event) const;
  void write(std::string& out, visit const& one);
  void write_edge(std::string& out, std::string_view phase, visit const& one, std::string_view does, std::size_t track,
                  std::int64_t at_ns) const;
  std::size_t track_of(std::string& out, peer_address const& source);

  lock_feed& feed_;
  std::int64_t const since_ns_, now_ns_;
  std::uint64_t const start_;
  present_requests present_;                         // ordered by id
  std::vector<bool> listed_ended_, unlisted_ended_;  // which of them have ended since
  std::uint64_t next_number_ = 0, until_ = 0;        // range of the events still to fetch
  lock_feed::ended_requests ended_;
  std::size_t next_ended_ = 0, next_present_ = 0;  // indexes of the next to write
  std::uint64_t arrow_to_ = 0;                     // id of the request whose hold ends the open arrow; 0 for none
  std::uint64_t lost_ = 0, lost_told_ = 0;
  std::vector<queue_change> queue_;  // at the end a heap with the earliest on top
  bool queue_is_ended_ = false;
  int queue_length_ = 0;
  std::int64_t queue_told_ns_ = -1;
  std::map<track_key, std::size_t> tracks_;  // one per source, numbered by first event
  std::size_t last_track_ = 0;
  bool is_begun_ = false;
};

}  // namespace holdfast::server
