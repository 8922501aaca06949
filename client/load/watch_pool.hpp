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

/// A change as a watcher received it.
struct watched_event {
  verify::fact stated;
  verify::instant arrived = 0;  ///< on the steady clock
};

/// What came over one stream.
struct watch_stream {
  std::uint64_t from = 0;  ///< it was promised all changes behind this one
  std::vector<watched_event> events;
};

/// What the watchers of a run came to.
struct watch_report {
  unsigned watchers = 0;
  std::uint64_t events = 0;
  std::uint64_t lost = 0;                       ///< times that the server said that changes were lost
  std::uint64_t reconnects = 0;                 ///< streams that ended and were resumed
  std::uint64_t wrong = 0;                      ///< events out of order, twice, or behind one that is missing
  std::string first_wrong;                      ///< the first of them, for people
  bool is_settled = false;                      ///< at the end all had received the same
  std::string failure;                          ///< why a watcher could not begin; empty: all could
  std::vector<std::vector<watch_stream>> logs;  ///< one a watcher; empty unless they are kept

  [[nodiscard]] bool is_right() const { return wrong == 0 && failure.empty(); }
};

/// Checks the events of one watcher while they come: revisions rise, and each says the right one before of its key, so
/// that none of a key can be missing between two.
class watch_check {
 public:
  /// @return what is wrong with it; empty: nothing
  [[nodiscard]] std::string take(verify::key_number key, std::uint64_t revision, std::uint64_t previous, bool removes);
  /// Forgets what came before: some of it is missing.
  void forget();
  [[nodiscard]] std::uint64_t last() const { return last_; }
  void start_at(std::uint64_t revision) { last_ = revision; }

 private:
  std::uint64_t last_ = 0;
  std::unordered_map<verify::key_number, std::uint64_t> revisions_;  ///< 0: removed
};

/// Connections that watch all keys of a run, on a thread of their own.
class watch_pool {
 public:
  struct settings {
    endpoint server;
    std::string prefix;      ///< of the keys
    std::uint64_t from = 0;  ///< the revision behind which they begin
    unsigned watchers = 0;
    bool keeps_events = false;
  };

  explicit watch_pool(settings of);
  ~watch_pool();
  watch_pool(watch_pool const&) = delete;
  watch_pool& operator=(watch_pool const&) = delete;

  /// Whether all watchers have seen as much as the others, and nothing has come for a moment.
  [[nodiscard]] bool is_settled() const;
  /// Ends the streams. @return what came of them
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
  mutable std::mutex mutex_;  // guards report_ and what is_settled() reads of the watchers
  watch_report report_;
  verify::instant last_arrival_ = 0;
  bool ending_ = false;
  std::size_t following_ = 0;  ///< watchers that have not ended; of thread_ alone once it runs
  std::thread thread_;
};

}  // namespace holdfast::client::load
