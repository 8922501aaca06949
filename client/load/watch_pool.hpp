#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "client/connection.hpp"
#include "client/line_stream.hpp"
#include "client/load/verify/stated_order.hpp"

namespace holdfast::client::load {

/// A change received by a watcher.
struct watched_event {
  verify::fact stated;
  verify::instant arrived = 0;  ///< by the steady clock
};

/// The events of one stream.
struct watch_stream {
  std::uint64_t from = 0;  ///< it must receive all changes after this one
  std::vector<watched_event> events;
};

/// The results of a run's watchers.
struct watch_report {
  unsigned watchers = 0;
  std::uint64_t events = 0;
  std::uint64_t lost = 0;                       ///< how often the server reported lost changes
  std::uint64_t reconnects = 0;                 ///< streams that ended and were resumed
  std::uint64_t wrong = 0;                      ///< events out of order, duplicate, or after a missing one
  std::string first_wrong;                      ///< the first of them, as text
  bool is_settled = false;                      ///< all had received the same events at the end
  std::string failure;                          ///< why a watcher could not begin; empty if all could
  std::vector<std::vector<watch_stream>> logs;  ///< one per watcher; empty unless they are kept

  [[nodiscard]] bool is_right() const { return wrong == 0 && failure.empty(); }
};

/// Checks the events of one watcher as they arrive: revisions must increase, and each event must state the correct
/// previous revision of its key, so that no change of a key can be missing.
class watch_check {
 public:
  /// @return an error message; empty if the event is correct
  [[nodiscard]] std::string take(verify::key_number key, std::uint64_t revision, std::uint64_t previous, bool removes);
  /// Discards the state after a loss of events.
  void forget();
  [[nodiscard]] std::uint64_t last() const { return last_; }
  void start_at(std::uint64_t revision) { last_ = revision; }

 private:
  std::uint64_t last_ = 0;
  std::unordered_map<verify::key_number, std::uint64_t> revisions_;  ///< 0 if removed
};

/// Connections that watch all keys of a run, on their own thread.
class watch_pool {
 public:
  struct settings {
    endpoint server;
    std::string prefix;      ///< of the keys
    std::uint64_t from = 0;  ///< they begin after this revision
    unsigned watchers = 0;
    bool keeps_events = false;
  };

  explicit watch_pool(settings of);
  ~watch_pool();
  watch_pool(watch_pool const&) = delete;
  watch_pool& operator=(watch_pool const&) = delete;

  /// True if all watchers have received the same events, and none has arrived for a moment.
  [[nodiscard]] bool is_settled() const;
  /// Ends the streams. @return their results
  [[nodiscard]] watch_report finish();

 private:
  struct watcher;

  awaitable<void> watch(watcher& one);
  awaitable<bool> follow(watcher& one);
  void take(watcher& one, std::string const& line);
  [[nodiscard]] bool is_ending() const;
  [[nodiscard]] int failures_allowed() const;
  void close_all();

  settings settings_;
  boost::asio::io_context context_{1};
  std::vector<std::unique_ptr<watcher>> watchers_;
  mutable std::mutex mutex_;  // guards report_ and the watchers' members that is_settled() reads
  watch_report report_;
  verify::instant last_arrival_ = 0;
  bool ending_ = false;
  std::size_t following_ = 0;  ///< active watchers; used by thread_ only once it runs
  std::thread thread_;
};

}  // namespace holdfast::client::load
