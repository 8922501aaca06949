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

/// What a server is given by the member of a cluster that runs it, as a standby or as the leader.
struct cluster_part {
  cluster_view const* view = nullptr;         ///< null: it is alone. Must outlive it
  unique_socket listening{};                  ///< where it accepts
  std::function<void()> on_stop{};            ///< called when it begins to drain because of stop()
  commit_settings commits{};                  ///< of a leader
  leader_directory* leaders = nullptr;        ///< of a standby, which forwards requests there; null: it leads
  forward_settings forwarding{};              ///< of a standby
  forward_figures* forward_counts = nullptr;  ///< of a standby; must outlive it, as the directory must
};

/// The whole server: a store, a worker per thread, a listener, the periodic writer.
class server {
 public:
  /// Opens the journal and recovers the data; binds and listens, so that endpoint() is known and connections queue up
  /// before run(). @throws boost::system::system_error if the address can't be had; journal_error.
  /// tls::error if the certificate can't be used.
  explicit server(settings settings);
  /// The same with a journal that is open already, whatever the settings say of one; null: in memory alone.
  server(settings settings, std::unique_ptr<journal> kept, cluster_part part = {});
  ~server();
  server(server const&) = delete;
  server& operator=(server const&) = delete;

  /// What it listens on; tells which port was found for port 0.
  [[nodiscard]] boost::asio::ip::tcp::endpoint endpoint() const noexcept { return listener_.endpoint(); }

  /// Serves on this thread and settings.threads - 1 more until it has drained after stop(). Call once.
  void run();

  /// Begins to drain: stops accepting, lets what is in flight end within settings.drain_timeout, cuts the rest. A
  /// second call cuts it at once. Any thread, also before run().
  void stop();

  /// As stop(), but was_stopped() does not tell of it: another server is going to serve here.
  void retire();

  /// Ends at once: nobody gets another byte. Any thread, also before run().
  void abandon() noexcept { workers_[0]->stop(); }

  /// Whether stop() was called. Any thread.
  [[nodiscard]] bool was_stopped() const noexcept { return was_stopped_; }

  /// Up to where its data are durable; 0 where they are in memory alone. Any thread.
  [[nodiscard]] std::uint64_t durable_revision() const noexcept { return commits_ ? commits_->durable_revision() : 0; }

  /// Keeps SIGTERM, SIGINT and SIGHUP from ending the calling thread, and those that it starts from now on.
  static void block_stop_signals();

  /// Reads files other than the data again (tokens, certificates) and opens logs anew. What can't be used is logged,
  /// and the old stays. Any thread.
  void reload();

  /// Calls stop() on SIGTERM and SIGINT from now on, and reload() on SIGHUP. Before run(), on the thread that calls it.
  void stop_on_signals();

  /// How the process should end when run() has returned: 0, or 74 where what was written could not be made durable.
  [[nodiscard]] int exit_status() const noexcept { return exit_status_; }

  /// The memory of a server with these settings for keys, values and the history of changes.
  [[nodiscard]] static std::uint64_t data_share(settings const& given);

 private:
  /// How far draining has come.
  enum class drain_phase { serving, draining, hurrying, aborting };

  bool admit(unique_socket& socket);
  void on_session_end(peer_address const& client);
  void reload_access();
  void drain_further(drain_phase to);
  void end_if_drained();
  void on_commit() noexcept;
  void count(commit_report const& report) noexcept;
  void fail();
  [[nodiscard]] bool is_standby() const noexcept { return part_.leaders != nullptr; }
  [[nodiscard]] std::unique_ptr<request_handler> make_handler(std::size_t thread);
  [[nodiscard]] std::string where_the_data_are() const;
  void open_store();
  void finish_commits() noexcept;
  void close_journal();
  void look_at_certificate();
  template <class Part>
  void start_part(Part& part, char const* failed);

  settings const settings_;
  cluster_part part_;
  fixed_settings const fixed_;
  std::atomic<bool> draining_{false};
  insight insight_;
  live_settings live_;
  std::unique_ptr<journal> const journal_;  // null: in memory alone
  durable_progress progress_;
  store store_;
  kept_data kept_;
  byte_budget under_way_;
  std::atomic<std::size_t> connections_{0};
  std::unique_ptr<access_control> const access_;  // null: everybody may do everything
  per_client_count connections_of_;
  std::unique_ptr<tls_certificates> const tls_;  // null: plain HTTP
  api_context const context_;

  std::vector<std::unique_ptr<worker>> workers_;       // the first runs on run()'s thread, with all that follows
  std::vector<std::unique_ptr<watch_hub>> hubs_;       // one for each worker
  std::vector<std::unique_ptr<upstream_pool>> pools_;  // of a standby, one for each worker
  event_loop& loop_;                                   // of the first
  periodic_writer writer_;
  expiry_sweeper sweeper_;
  heap_trimmer trimmer_;
  listener listener_;
  std::optional<signal_source> signals_;
  std::size_t next_worker_ = 0;
  timer drain_timer_;
  timer tls_look_;
  std::vector<std::function<void()>> on_reload_;  // what reload() does
  drain_phase phase_ = drain_phase::serving;
  wake_up commits_failed_{loop_, [this] { fail(); }};
  std::unique_ptr<commit_queue> commits_;
  std::unique_ptr<backup_runner> backups_;
  std::atomic<bool> was_stopped_{false};
  int exit_status_ = 0;
  int parts_running_ = 0;  // of those that wait for the lock like a client
};

}  // namespace holdfast::server
