#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "protocol/head_scanner.hpp"
#include "protocol/reply.hpp"
#include "protocol/request_parser.hpp"
#include "server/asio.hpp"
#include "server/connection.hpp"
#include "server/interruption.hpp"
#include "server/routes.hpp"
#include "server/settings.hpp"
#include "server/store.hpp"

namespace holdfast::server {

/// What all sessions of a server share. Outlives them.
struct session_context {
  server::settings const& settings;
  server::store& store;
  std::uint64_t start;  ///< tells this process's revisions from another's
  std::atomic<bool> const& draining;
};

/// Serves one connection: reads requests, one after another, and answers each in turn, until the peer leaves, a
/// deadline passes, framing is lost or the server drains. One thread.
class session : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  session(std::shared_ptr<connection> connection, session_context const& context);

  /// Returns when the connection is at its end, and closed.
  awaitable<void> run();

  /// The server drains: waits for the next request no longer, and leaves the lock's queue. What is being received, held
  /// or answered goes on; then the connection ends.
  void drain();

  /// The time for draining is up: ends a hold, whose answer is still sent, and closes a connection that is anything
  /// else.
  void hurry();

  /// Ends at once.
  void abort() { connection_->close(); }

 private:
  /// How a connection that is at its end is closed.
  enum class ending { quietly, after_lingering };
  using progress = std::optional<ending>;  // empty: go on

  awaitable<ending> serve();
  awaitable<progress> receive_more();
  awaitable<progress> serve_request(std::size_t head_bytes);
  awaitable<progress> serve_value(kv_request request);
  awaitable<progress> receive_body();
  protocol::result<bool> take_body();
  awaitable<std::optional<execution>> execute(kv_request const& request);
  awaitable<progress> finish_request(protocol::reply reply);
  awaitable<ending> refuse(protocol::failure error);

  std::shared_ptr<connection> connection_;
  session_context const& context_;
  protocol::head_scanner scanner_;
  protocol::request_parser parser_;
  std::optional<connection::clock::time_point> header_due_;  // while a header has begun to arrive

  // Of the request being served.
  protocol::reply_framing framing_;
  std::string body_;
  bool continue_expected_ = false;
  interruption interruption_;
  lock_phase phase_ = lock_phase::none;

  std::uint64_t requests_ = 0;
};

}  // namespace holdfast::server
