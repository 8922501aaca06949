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
  std::uint32_t thread = 0;                     ///< its number
  unsigned connections = 0;                     ///< its share of the run's
  std::uint32_t inserted = 0;                   ///< keys behind the run's that are taken
  std::uint64_t database = 0;                   ///< what stands before the revision in the server's entity tags
  verify::recorder* record = nullptr;           ///< keeps all requests; outlives the driver; null: nobody does
  std::uint32_t first_connection = 0;           ///< the number of its first one among the run's
  process_clock const* server_clock = nullptr;  ///< whose time it takes as well as its own; null: nobody's
};

/// A second of a run, warm-up left out, as one thread measured it.
struct interval {
  std::uint32_t second = 0;  ///< since the start, from 0; the last one is longer by what was in flight
  std::unique_ptr<measurements> measured;
};

/// How a thread ended.
struct driver_end {
  time_point at;                     ///< when it stopped
  std::uint64_t unfinished = 0;      ///< requests without an answer by then, or due and not sent; in no other figure
  nanoseconds oldest_unfinished{0};  ///< how long the oldest of them had been waiting
  nanoseconds cpu{0};                ///< processor time of the thread, without warm-up
  nanoseconds starved{0};            ///< how long it was ready in that span and had no processor; 0 where unknown
  std::optional<nanoseconds> server_cpu;  ///< of the server in the same span; nothing when it can't be known
  std::uint32_t inserted = 0;             ///< how many keys the thread took
};

/// Drives a share of a run's connections on the thread that calls prepare() and run(). In a closed loop each connection
/// asks again as soon as it is answered. In an open loop a schedule says when requests start; one that finds all
/// connections busy waits for the next free one, and its latency counts from its start all the same. A connection is
/// busy when it has as many requests in flight as the pipeline is long. A request that modifies keeps its place there
/// until its write is answered, which starts when the request is.
class driver {
 public:
  using deliver_interval = std::function<void(interval)>;

  /// `deliver` is called on the driver's thread, about once a second and at the end.
  driver(driver_settings settings, deliver_interval deliver);

  /// Opens the connections, for the connect timeout at most. Those that fail are tried again while the run goes.
  void prepare();
  /// Asks from `start` for the warm-up and the run's duration, then waits for what is in flight: a second at most in a
  /// closed loop, the request timeout at most in an open one, where what is missing would flatter the figures; but a
  /// second at most while no connection is open.
  driver_end run(time_point start);

  /// Ends prepare() and run() early; run() still waits for what is in flight. From any thread.
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

  // Of an open loop.
  std::optional<schedule> schedule_;
  time_point start_;
  time_point next_start_ = time_point::max();
  std::deque<time_point> backlog_;  ///< starts of requests that are due and wait for a connection
  std::deque<std::uint32_t> idle_;  ///< tokens of listed channels; one that has no capacity left is skipped

  std::atomic<bool> stopped_{false};
};

}  // namespace holdfast::client::load
