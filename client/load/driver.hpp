#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/load/channel.hpp"
#include "client/load/measurements.hpp"
#include "client/load/poller.hpp"
#include "client/load/settings.hpp"
#include "client/load/workload.hpp"

namespace holdfast::client::load {

/// What one thread of a run is told.
struct driver_settings {
  load_settings const* run = nullptr;  ///< outlives the driver
  boost::asio::ip::tcp::endpoint server;
  std::string key_prefix;
  std::uint32_t thread = 0;  ///< its number
  unsigned connections = 0;  ///< its share of the run's
};

/// A second of a run as one thread measured it.
struct interval {
  std::uint32_t second = 0;  ///< since the start, from 0; the last one is longer by what was in flight
  std::unique_ptr<measurements> measured;
};

/// How a thread ended.
struct driver_end {
  time_point at;                     ///< when it stopped
  std::uint64_t unfinished = 0;      ///< requests without an answer by then; they are in no other figure
  nanoseconds oldest_unfinished{0};  ///< how long the oldest of them had been waiting
  nanoseconds cpu{0};                ///< processor time of the thread between start and end
};

/// Drives a share of a run's connections on the thread that calls prepare() and run(). Each connection asks again as
/// soon as it is answered (closed loop).
class driver {
 public:
  using deliver_interval = std::function<void(interval)>;

  /// `deliver` is called on the driver's thread, about once a second and at the end.
  driver(driver_settings settings, deliver_interval deliver);

  /// Opens the connections, for the connect timeout at most. Those that fail are tried again while the run goes.
  void prepare();
  /// Asks from `start` until `start` + the run's duration, then waits a second at most for what is in flight.
  driver_end run(time_point start);

  /// Ends prepare() and run() early; run() still waits for what is in flight. From any thread.
  void stop();

 private:
  void handle(epoll_event const& event);
  void refill(channel& channel);
  void complete(outstanding_request const& request, answer_message const& answer);
  void lose(channel& channel, error_kind kind);
  void reconnect(channel& channel);
  void keep_house();
  void roll_interval();
  void wait(time_point limit);
  [[nodiscard]] bool in_flight() const;
  [[nodiscard]] bool connecting() const;

  driver_settings settings_;
  deliver_interval deliver_;
  nanoseconds request_timeout_;
  nanoseconds housekeeping_period_;
  poller poller_;
  workload workload_;
  std::vector<channel> channels_;
  std::vector<char> buffer_;
  interval current_;
  time_point now_;
  time_point next_housekeeping_;
  time_point next_interval_;
  bool asking_ = false;
  std::atomic<bool> stopped_{false};
};

}  // namespace holdfast::client::load
