#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "server/access/access_control.hpp"
#include "server/api/api_context.hpp"
#include "server/api/cluster_view.hpp"
#include "server/app/heap_trimmer.hpp"
#include "server/app/settings.hpp"
#include "server/app/worker.hpp"
#include "server/forward/leader_directory.hpp"
#include "server/forward/upstream_pool.hpp"
#include "server/journal/backup_runner.hpp"
#include "server/journal/commit_queue.hpp"
#include "server/journal/journal.hpp"
#include "server/loop/signal_source.hpp"
#include "server/loop/timer.hpp"
#include "server/loop/wake_up.hpp"
#include "server/net/listener.hpp"
#include "server/net/tls_certificates.hpp"
#include "server/store/expiry_sweeper.hpp"
#include "server/store/periodic_writer.hpp"
#include "server/store/store.hpp"
#include "server/store/watch_hub.hpp"

namespace holdfast::server {

/// The part of a server in a cluster: as a standby or as the leader.
struct cluster_part {
  cluster_view const* view = nullptr;         ///< null: not in a cluster. Must outlive the server
  unique_socket listening{};                  ///< the socket that accepts connections
  std::function<void()> on_stop{};            ///< called when a drain starts after stop()
  commit_settings commits{};                  ///< for a leader
  leader_directory* leaders = nullptr;        ///< for a standby, which forwards to the leader; null: this server leads
  forward_settings forwarding{};              ///< for a standby; a leader uses its trust and its secret
  forward_figures* forward_counts = nullptr;  ///< for a standby; both must outlive the server
  std::shared_ptr<tls_certificates> tls{};    ///< of all phases; null without TLS
};

/// A complete server: the store, one worker per thread, the listener and the periodic writer.
class server {
 public:
  /// Opens the journal, recovers the data, binds and listens. From then on endpoint() is known and connections queue up
  /// until run(). @throws boost::system::system_error if the address is not available; journal_error; tls::error if the
  /// certificate cannot be used.
  explicit server(settings settings);
  /// The same with an open journal instead of the one in the settings; null: in memory only.
  server(settings settings, std::unique_ptr<journal> kept, cluster_part part = {});
  ~server();
  server(server const&) = delete;
  server& operator=(server const&) = delete;

  /// The address in use. If the settings say port 0, it has the port that was chosen.
  [[nodiscard]] boost::asio::ip::tcp::endpoint endpoint() const noexcept { return listener_.endpoint(); }

  /// Serves on this thread and settings.threads - 1 others, until the drain after stop() is complete. Call once.
  void run();

  /// Starts to drain: stops accepting, lets requests in flight finish within settings.drain_timeout, and aborts the
  /// rest. A second call aborts them at once. Thread-safe, also before run().
  void stop();

  /// Like stop(), but in less time, and does not set was_stopped(): another server object will serve next. It gets the
  /// connections at rest, from take_handed_over(). No effect after stop().
  void retire(std::chrono::nanoseconds drain_timeout);

  /// After run(): connections that retire() has left open, for adopt() of the next server.
  [[nodiscard]] std::vector<unique_socket> take_handed_over();

  /// Before run(): serves these connections, too.
  void adopt(std::vector<unique_socket> connections);

  /// Ends at once, without sending another byte. Thread-safe, also before run().
  void abandon() noexcept { workers_[0]->stop(); }

  /// True after stop(). Thread-safe.
  [[nodiscard]] bool was_stopped() const noexcept { return was_stopped_; }

  /// The latest durable revision; 0 without a journal. Thread-safe.
  [[nodiscard]] std::uint64_t durable_revision() const noexcept { return commits_ ? commits_->durable_revision() : 0; }

  /// Blocks SIGTERM, SIGINT and SIGHUP in the calling thread and in the threads that it starts later.
  static void block_stop_signals();

  /// Reads the tokens and certificates again and reopens the logs. If a file cannot be used, logs an error and keeps
  /// the previous state. Thread-safe.
  void reload();

  /// From now on, SIGTERM and SIGINT call stop(), and SIGHUP calls reload(). Call before run(), on the same thread.
  /// Once no requests are left, SIGTERM and SIGINT end the process, which may still wait for the disk: all that was
  /// acknowledged is durable.
  void stop_on_signals();

  /// Exit status for the process after run(): 0, or 74 if changes could not be made durable.
  [[nodiscard]] int exit_status() const noexcept { return exit_status_; }

  /// Why exit_status() is not 0, as logged.
  [[nodiscard]] std::string const& failure() const noexcept { return failure_; }

  /// The memory of a server with these settings for keys, values and the history of changes.
  [[nodiscard]] static std::uint64_t data_share(settings const& given);

 private:
  /// The steps of a drain.
  enum class drain_phase { serving, draining, hurrying, aborting };

  bool admit(unique_socket& socket);
  void on_session_end(peer_address const& client);
  void reload_access();
  void begin_drain(std::chrono::nanoseconds timeout);
  void drain_further(drain_phase to);
  void end_if_drained();
  void on_commit() noexcept;
  void count(commit_report const& report) noexcept;
  void fail();
  void fail(int exit_status, std::string why);
  void end_on_signals();
  [[nodiscard]] bool is_standby() const noexcept { return part_.leaders != nullptr; }
  [[nodiscard]] std::unique_ptr<request_handler> make_handler(std::size_t thread);
  [[nodiscard]] std::string where_the_data_are() const;
  void open_store();
  void finish_commits() noexcept;
  void close_journal();
  void look_at_certificates();
  template <class Part>
  void start_part(Part& part, char const* failed);

  settings const settings_;
  cluster_part part_;
  fixed_settings const fixed_;
  std::atomic<bool> draining_{false};
  insight insight_;
  live_settings live_;
  std::unique_ptr<journal> const journal_;  // null: in memory only
  durable_progress progress_;
  store store_;
  kept_data kept_;
  byte_budget under_way_;
  byte_budget buffers_;  // part of under_way_
  std::atomic<std::size_t> connections_{0};
  std::unique_ptr<access_control> const access_;  // null: no access control
  per_client_count connections_of_;
  std::shared_ptr<tls_certificates> const tls_;  // null: plain HTTP
  api_context const context_;

  std::vector<std::unique_ptr<worker>> workers_;       // the first and all members below run on run()'s thread
  std::vector<std::unique_ptr<watch_hub>> hubs_;       // one per worker
  std::vector<std::unique_ptr<upstream_pool>> pools_;  // for a standby: one per worker
  event_loop& loop_;                                   // the first worker's
  periodic_writer writer_;
  expiry_sweeper sweeper_;
  heap_trimmer trimmer_;
  listener listener_;
  std::optional<signal_source> signals_;
  std::size_t next_worker_ = 0;
  timer drain_timer_;
  timer tls_look_;
  std::vector<std::function<void()>> on_reload_;  // the actions of reload()
  drain_phase phase_ = drain_phase::serving;
  std::chrono::nanoseconds drain_timeout_{};  // of the drain that has begun
  bool is_retiring_ = false;
  wake_up commits_failed_{loop_, [this] { fail(); }};
  std::unique_ptr<commit_queue> commits_;
  std::unique_ptr<backup_runner> backups_;
  std::atomic<bool> was_stopped_{false};
  int exit_status_ = 0;
  std::string failure_;
  int parts_running_ = 0;  // the writer and the sweeper: both wait for the lock like clients
};

}  // namespace holdfast::server
