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
/// track for each source, a slice for each wait and each hold, an arrow from each release to the grant that it made,
/// and a counter of the queue's length. Times are microseconds since the server's start. What continues ends at
/// `now_ns`.
///
/// Written piece by piece from what the feed has, in the order in which requests ended, so that each track goes forward
/// in time. What a slow reader's trace has not got to yet may be overwritten: a counter `lost events` says where, and
/// `otherData` how many. One thread.
///
/// Memory: some requests of the feed, 80 KiB; who waits or holds now, as far as present_max goes, and 256 KiB at most
/// for whoever waits beyond that; 16 bytes for each request that has waited, at most 768 KiB; and the tracks, 512 KiB.
class lock_trace {
 public:
  /// append_piece() stops when it has written this many bytes.
  static constexpr std::size_t piece_bytes = 64 * 1024;
  /// The 16,384 that may wait, if their keys are short. Those beyond are counted in the queue's length and not drawn.
  static constexpr present_limits present_max{.entries_max = 16'384, .bytes_max = 2 * 1024 * 1024};
  /// Where there are more sources, the tracks of the earlier ones end, and continue as new ones of the same name.
  static constexpr std::size_t tracks_max = 4096;

  /// @param feed must outlive it. It writes what the feed has now, not what comes later. @param present who waits or
  /// holds at `now_ns`, to be asked for before; of one who has ended since, the event counts. @param since_ns what
  /// lies before is cut off.
  lock_trace(lock_feed& feed, present_requests present, std::int64_t since_ns, std::int64_t now_ns,
             std::uint64_t start);
  ~lock_trace();
  lock_trace(lock_trace const&) = delete;
  lock_trace& operator=(lock_trace const&) = delete;

  /// Appends what comes next. @return whether there is more.
  bool append_piece(std::string& out);

  /// How many bytes it keeps.
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct visit;
  /// The queue became longer or shorter by one: twice the time, and one more where it became longer.
  using queue_change = std::int64_t;
  using track_key = std::pair<std::array<std::uint8_t, 16>, std::uint64_t>;  // and the port, its kind and name

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
  present_requests present_;                         // by id
  std::vector<bool> listed_ended_, unlisted_ended_;  // who of them has ended since
  std::uint64_t next_number_ = 0, until_ = 0;        // of the events to be asked for
  lock_feed::ended_requests ended_;
  std::size_t next_ended_ = 0, next_present_ = 0;  // to be written
  std::uint64_t arrow_to_ = 0;                     // whose hold an arrow was begun for; 0: nobody's
  std::uint64_t lost_ = 0, lost_told_ = 0;
  std::vector<queue_change> queue_;  // when all else is written, a heap with the earliest on top
  bool queue_is_ended_ = false;
  int queue_length_ = 0;
  std::int64_t queue_told_ns_ = -1;
  std::map<track_key, std::size_t> tracks_;  // each source's, in the order of their first events
  std::size_t last_track_ = 0;
  bool is_begun_ = false;
};

}  // namespace holdfast::server
