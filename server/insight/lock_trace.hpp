#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/insight/lock_feed.hpp"

namespace holdfast::server {

/// The events as a trace in Chrome's JSON format ("Trace Event Format"), which ui.perfetto.dev and speedscope open: a
/// track for each source, a slice for each wait and each hold, an arrow from each release to the grant that it made,
/// and a counter of the queue's length. Times are microseconds since the server's start. What goes on ends at `now_ns`.
/// Written piece by piece, since a whole one may have more than ten megabytes. One thread.
class lock_trace {
 public:
  /// append_piece() stops when it has written so many bytes.
  static constexpr std::size_t piece_bytes = 64 * 1024;

  /// @param events in their order, as lock_feed::since() gives them. @param present who waits or holds at `now_ns`, to
  /// be asked for before the events; of one that is in both, the event counts. @param since_ns what lies before is cut
  /// off.
  lock_trace(std::vector<told_event> events, std::vector<event_ring::entry> present, std::int64_t since_ns,
             std::int64_t now_ns, std::uint64_t start);
  ~lock_trace();
  lock_trace(lock_trace const&) = delete;
  lock_trace& operator=(lock_trace const&) = delete;

  /// Appends what comes next. @return whether there is more.
  bool append_piece(std::string& out);

 private:
  struct visit;

  void find_hand_overs();
  void find_queue(std::int64_t now_ns);
  void write(std::string& out, visit const& one);
  void write_edge(std::string& out, std::string_view phase, visit const& one, std::string_view does, std::size_t track,
                  std::int64_t at_ns) const;
  std::size_t track_of(std::string& out, peer_address const& source);

  std::uint64_t const start_;
  std::vector<told_event> const events_;
  std::vector<event_ring::entry> const present_;
  std::vector<visit> visits_;                        // refer to events_ and present_
  std::vector<std::pair<std::int64_t, int>> queue_;  // when the queue came to have which length
  std::map<std::string, std::size_t> tracks_;        // each source's, in the order of their first events
  std::size_t next_visit_ = 0, next_queue_ = 0;      // to be written
  bool is_begun_ = false;
};

/// All of it at once.
[[nodiscard]] std::string lock_trace_json(std::vector<told_event> events, std::vector<event_ring::entry> present,
                                          std::int64_t since_ns, std::int64_t now_ns, std::uint64_t start);

}  // namespace holdfast::server
