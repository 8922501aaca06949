#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/head_scanner.hpp"
#include "server/asio.hpp"
#include "server/connection.hpp"
#include "server/interruption.hpp"
#include "server/responder.hpp"

namespace holdfast::server {

/// Serves a connection's requests for as long as something has to be awaited: the rest of a header or a body, the lock,
/// the end of a hold, a peer that is slow to take its answer, the peer's end after a refusal. Lives in its coroutine.
class request_loop {
 public:
  /// All must outlive it. @param asker the connection, as whoever watches the lock knows it.
  request_loop(connection& connection, server_context const& context, lock_asker asker)
      : connection_(connection), context_(context), asker_(asker), responder_(context) {}

  /// How a loop ends.
  enum class ending {
    at_rest,          ///< all is answered and nothing has begun to arrive
    quietly,          ///< the connection is at its end
    after_lingering,  ///< the same, once the peer has had time to read the last answer
  };

  /// Serves what is in connection.input() and what follows, beginning with what is left in connection.output().
  /// @return whether the connection goes on.
  awaitable<bool> run();

  /// The server drains: leaves the lock's queue. What is being received, held or answered goes on, and is the last.
  void drain();

  /// The time for draining is up: ends a hold, whose answer is still sent, and anything else at once.
  void hurry();

  /// How many requests it has answered.
  [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }

 private:
  using progress = std::optional<ending>;  // empty: go on

  awaitable<ending> serve();
  awaitable<progress> receive_more();
  awaitable<progress> serve_request(std::size_t head_bytes);
  awaitable<progress> serve_value(kv_request request);
  awaitable<progress> serve_insight(insight_request request);
  [[nodiscard]] protocol::reply answer_to(insight_request const& request) const;
  awaitable<progress> stream_events(insight_request const& request);
  awaitable<progress> send_trace(std::chrono::nanoseconds duration);
  awaitable<bool> pause_stream(std::chrono::nanoseconds time);
  awaitable<progress> receive_body(std::string& body);
  protocol::result<bool> take_body(std::string& body);
  awaitable<std::optional<execution>> execute(kv_request const& request);
  awaitable<progress> finish_request(protocol::reply reply);
  void begin_answer(protocol::reply const& reply);
  awaitable<ending> refuse(protocol::failure error);

  connection& connection_;
  server_context const& context_;
  lock_asker const asker_;
  responder responder_;
  protocol::head_scanner scanner_;
  std::optional<connection::clock::time_point> header_due_;  // while a header has begun to arrive

  // Of the request being served.
  protocol::reply_framing framing_;
  protocol::method method_ = protocol::method::unknown;
  route_kind route_ = route_kind::other;
  connection::clock::time_point begun_at_{};
  bool continue_expected_ = false;
  std::optional<interruption> interruption_;  // while its operation runs

  bool lingers_ = false;
  std::uint64_t requests_ = 0;
};

}  // namespace holdfast::server
