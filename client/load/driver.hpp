#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/load/answer_body.hpp"
#include "client/load/channel.hpp"
#include "client/load/measurements.hpp"
#include "client/load/poller.hpp"
#include "client/load/process_clock.hpp"
#include "client/load/schedule.hpp"
#include "client/load/server_watch.hpp"
#include "client/load/settings.hpp"
#include "client/load/verify/recorder.hpp"
#include "client/load/workload.hpp"

namespace holdfast::client::load {

/// Settings of one load thread.
struct driver_settings {
  load_settings const* run = nullptr;                     ///< outlives the driver
  std::vector<boost::asio::ip::tcp::endpoint> addresses;  ///< of the run's servers, in their order
  std::size_t first_server = 0;                           ///< the one that is asked first
  std::string key_prefix;
  std::uint32_t thread = 0;                     ///< index of the thread
  unsigned connections = 0;                     ///< this thread's share of the run's connections
  std::uint32_t inserted = 0;                   ///< number of inserted keys that exist already
  std::uint64_t database = 0;                   ///< the part before the revision in the server's entity tags
  verify::recorder* record = nullptr;           ///< records all requests; must outlive the driver; null for none
  std::uint32_t first_connection = 0;           ///< number of its first connection within the run
  process_clock const* server_clock = nullptr;  ///< also measures this process's CPU time; null for none
  server_watch* servers = nullptr;              ///< connections leave servers that it calls silent; null for none
};

/// One second of a run without the warm-up, as measured by one thread.
struct interval {
  std::uint32_t second = 0;  ///< since the start, from 0; the last one includes the time for requests in flight
  std::unique_ptr<measurements> measured;
};

/// The final figures of a thread.
struct driver_end {
  time_point at;                          ///< when it stopped
  std::uint64_t unfinished = 0;           ///< requests unanswered by then, or due and unsent; not counted elsewhere
  nanoseconds oldest_unfinished{0};       ///< waiting time of the oldest of them
  nanoseconds cpu{0};                     ///< CPU time of the thread, without warm-up
  nanoseconds starved{0};                 ///< how long it was ready in that time without a processor; 0 if unknown
  std::optional<nanoseconds> server_cpu;  ///< CPU time of the server in the same time; nullopt if unknown
  std::uint32_t inserted = 0;             ///< number of keys used by the thread's inserts
};

/// Drives a share of a run's connections on the thread that calls prepare() and run(). In a closed loop, each
/// connection sends its next request as soon as one is answered. In an open loop, a schedule determines when requests
/// start; if all connections are busy, a request waits for the next free one, and its latency still counts from its
/// scheduled start. A connection is busy when its pipeline is full. A read-modify-write occupies its place in the
/// pipeline from its start until its write is answered.
class driver {
 public:
  using deliver_interval = std::function<void(interval)>;

  /// `deliver` is called on the driver's thread, about once per second and at the end.
  driver(driver_settings settings, deliver_interval deliver);

  /// Opens the connections, for at most the connect timeout. Failed ones are retried during the run.
  void prepare();
  /// Sends requests from `start` for the warm-up and the run's duration, then waits for requests in flight: at most one
  /// second in a closed loop; at most the request timeout in an open loop, where missing answers would improve the
  /// figures; but at most one second while no connection is open.
  driver_end run(time_point start);

  /// Ends prepare() and run() early; run() still waits for requests in flight. Thread-safe.
  void stop();

 private:
  void handle(epoll_event const& event);
  void ask(channel& channel, planned_request const& request, time_point started);
  void flush(channel& channel);
  void refill(channel& channel);
  [[nodiscard]] std::optional<time_point> next_to_ask();
  [[nodiscard]] bool has_room(channel const& channel) const;
  void list_idle(channel& channel);
  void start_due();
  void advance_schedule();
  void abandon(time_point started);
  void abandon_backlog();
  [[nodiscard]] channel* take_idle();
  void complete(outstanding_request const& request, answer_message const& answer);
  [[nodiscard]] std::optional<seen_versions> read(planned_request const& what, answer_message const& answer);
  void lose(channel& channel, error_kind kind);
  void count_lost(channel const& channel, error_kind kind);
  void reconnect(channel& channel);
  void go_on(channel& channel);
  [[nodiscard]] bool is_hopeless(channel const& channel) const;
  void keep_house();
  void roll_interval();
  void run_until(time_point end);
  [[nodiscard]] bool is_measured(time_point started) const { return started >= measured_from_; }
  void wait(time_point limit);
  [[nodiscard]] bool in_flight() const;
  [[nodiscard]] std::optional<nanoseconds> server_cpu_time() const;
  [[nodiscard]] bool is_record_full() const { return settings_.record != nullptr && settings_.record->is_full(); }
  [[nodiscard]] bool connecting() const;

  driver_settings settings_;
  deliver_interval deliver_;
  nanoseconds request_timeout_;
  nanoseconds housekeeping_period_;
  poller poller_;
  workload workload_;
  std::vector<endpoint> servers_;
  tls::context tls_;  ///< null: plain HTTP
  std::vector<channel> channels_;
  std::vector<char> buffer_;
  shown_answer shown_;                       ///< the last list or transaction; kept for its capacity
  bool is_elsewhere_ = false;                ///< an answer that was just read says that another server leads
  std::vector<planned_request> follow_ups_;  ///< writes for the connection whose answers are being read
  interval current_;
  driver_end end_;
  time_point now_;
  time_point next_housekeeping_;
  time_point next_interval_;
  time_point measured_from_ = time_point::max();
  bool asking_ = false;

  // Used by open loops only.
  std::optional<schedule> schedule_;
  time_point start_;
  time_point next_start_ = time_point::max();
  std::deque<time_point> backlog_;  ///< start times of due requests that wait for a connection
  std::deque<std::uint32_t> idle_;  ///< tokens of listed channels; skip those without free capacity

  std::atomic<bool> stopped_{false};
};

}  // namespace holdfast::client::load
