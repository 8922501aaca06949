#pragma once

#include <atomic>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "server/asio.hpp"
#include "server/periodic_writer.hpp"
#include "server/settings.hpp"
#include "server/store.hpp"
#include "server/worker.hpp"

namespace holdfast::server {

/// The whole server: a store, a worker per thread, a listener, the periodic writer.
class server {
 public:
  /// Binds and listens, so that port() is known and connections queue up before run().
  /// @throws boost::system::system_error if the address can't be had.
  explicit server(settings settings);
  ~server();
  server(server const&) = delete;
  server& operator=(server const&) = delete;

  /// What it listens on; tells which port was found for port 0.
  [[nodiscard]] asio::ip::tcp::endpoint endpoint() const noexcept { return endpoint_; }

  /// Serves on this thread and settings.threads - 1 more until it has drained after stop(). Call once.
  void run();

  /// Begins to drain: stops accepting, lets what is in flight end within settings.drain_timeout, cuts the rest. A
  /// second call cuts it at once. Any thread, also before run().
  void stop();

  /// Calls stop() on SIGTERM and SIGINT from now on.
  void stop_on_signals();

 private:
  /// How far draining has come.
  enum class drain_phase { serving, draining, hurrying, aborting };

  worker& next_worker() noexcept;
  bool admit(unique_socket& socket);
  void on_session_end();
  void drain_further(drain_phase to);
  void end_if_drained();
  awaitable<void> run_writer();
  awaitable<void> wait_for_signals();

  settings const settings_;
  std::atomic<bool> draining_{false};
  insight insight_;
  live_settings live_;
  store store_;
  std::atomic<std::size_t> connections_{0};
  server_context const context_;

  writer_pace<steady_timer> writer_pace_;
  asio::cancellation_signal stop_writer_;         // before the workers: the writer's frame refers to it
  std::vector<std::unique_ptr<worker>> workers_;  // the first runs on run()'s thread, with all that follows
  tcp_acceptor acceptor_;
  asio::ip::tcp::endpoint endpoint_;
  std::optional<asio::signal_set> signals_;
  std::size_t next_worker_ = 0;
  steady_timer drain_timer_;
  drain_phase phase_ = drain_phase::serving;
  bool writer_runs_ = false;
};

}  // namespace holdfast::server
