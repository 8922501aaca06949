#pragma once

#include <boost/intrusive/list.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "server/http/session.hpp"
#include "server/insight/lock_recorder.hpp"
#include "server/loop/event_loop.hpp"
#include "server/net/unique_socket.hpp"

namespace holdfast::server {

/// One thread of the server: its loop and its sessions.
class worker final : public session::owner {
 public:
  /// All arguments must outlive the worker. @param recorder of this thread. @param on_session_end called on this
  /// worker's thread after each session, with the client that was passed to start_session(). @param tls counters of
  /// TLS; null: no TLS.
  worker(session_settings const& settings, byte_budget& under_way, byte_budget& buffers,
         std::atomic<bool> const& draining, durable_progress const& progress,
         session_context::handler_factory make_handler, lock_recorder& recorder,
         std::function<void(peer_address const&)> on_session_end, tls_figures* tls = nullptr);
  ~worker() { shut_down(); }
  worker(worker const&) = delete;
  worker& operator=(worker const&) = delete;

  [[nodiscard]] event_loop& loop() noexcept { return loop_; }

  /// Runs the thread's work until stop(). An exception of a handler (out of memory) is logged; the rest continues.
  void run();

  // Any thread; these take effect on the worker's thread.
  /// @param tls context for TLS with the client; null: plain.
  void start_session(unique_socket socket, peer_address const& client, tls::context tls);
  void for_each_session(void (session::*what)());
  /// Drains the sessions, and keeps connections at rest for another server of this process.
  void hand_over_sessions();
  void stop() noexcept { loop_.stop(); }
  /// Called when more data have become durable.
  void on_progress() noexcept { context_.gate.notify(); }

  /// The connections that hand_over_sessions() has kept; call when the thread has ended.
  [[nodiscard]] std::vector<unique_socket> take_handed_over() noexcept { return std::move(context_.handed_over); }

  /// Destroys all suspended tasks, then the sessions. Nothing runs afterwards.
  void shut_down() noexcept;

 private:
  void on_session_end(session& ended) override;

  std::function<void(peer_address const&)> after_session_;
  lock_recorder& recorder_;
  event_loop loop_;
  session_context context_;
  boost::intrusive::list<session, boost::intrusive::constant_time_size<false>> sessions_;  // owns the sessions
};

}  // namespace holdfast::server
