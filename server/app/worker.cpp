#include "server/app/worker.hpp"

#include <boost/asio/post.hpp>
#include <new>
#include <utility>

#include "server/log/log.hpp"

namespace holdfast::server {

worker::worker(session_settings const& settings, byte_budget& under_way, byte_budget& buffers,
               std::atomic<bool> const& draining, durable_progress const& progress,
               session_context::handler_factory make_handler, lock_recorder& recorder,
               std::function<void(peer_address const&)> on_session_end, tls_figures* tls)
    : after_session_(std::move(on_session_end)),
      recorder_(recorder),
      loop_([this] { context_.outbox.send_all(); }),
      context_(loop_, settings, under_way, buffers, draining, progress, std::move(make_handler), tls) {}

void worker::shut_down() noexcept {
  // First ends tasks that wait for a connection, then all other suspended tasks, while their sessions still exist.
  for (auto& one : sessions_) one.forget_waiting();
  loop_.shut_down();
  sessions_.clear_and_dispose(std::default_delete<session>());
}

void worker::run() {
  lock_recorder::of_this_thread = &recorder_;
  for (;;) {
    try {
      loop_.run();
      break;
    } catch (std::exception const& exception) {
      log_error("handler failed", {{"error", exception.what()}});
    }
  }
  lock_recorder::of_this_thread = nullptr;
}

void worker::start_session(unique_socket socket, peer_address const& client, tls::context tls) {
  asio::post(loop_.get_executor(), [this, client, socket = std::move(socket), tls = std::move(tls)]() mutable {
    std::unique_ptr<session> one;
    try {
      one = std::make_unique<session>(std::move(socket), *this, context_, std::move(tls));
      one->admitted_for = client;
    } catch (std::bad_alloc const&) {
      log_error("session failed", {{"error", "out of memory"}});
      return after_session_(client);
    }
    sessions_.push_back(*one);
    one.release()->start();
  });
}

void worker::on_session_end(session& ended) {
  auto const client = ended.admitted_for;
  delete &ended;  // its destructor unlinks it
  after_session_(client);
}

void worker::for_each_session(void (session::*what)()) {
  asio::post(loop_.get_executor(), [this, what] {
    for (auto at = sessions_.begin(); at != sessions_.end();) (*at++.*what)();
  });
}

void worker::hand_over_sessions() {
  asio::post(loop_.get_executor(), [this] { context_.hands_over = true; });
  for_each_session(&session::drain);
}

}  // namespace holdfast::server
