#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/error.hpp"
#include "server/http/answer_gate.hpp"
#include "server/http/reply.hpp"
#include "server/http/request_parser.hpp"
#include "server/loop/asio.hpp"
#include "server/loop/interruption.hpp"
#include "server/net/connection.hpp"

namespace holdfast::server {

class timer;

/// A handler's view of the client of an awaited request: whether it is still connected, and how to send an answer piece
/// by piece. One thread.
class client_link {
 public:
  /// All arguments must outlive it. @param read_ahead_bytes_max limit for bytes of the client's next requests.
  client_link(connection& connection, reply_framing& framing, std::atomic<bool> const& draining, answer_gate& gate,
              std::size_t read_ahead_bytes_max) noexcept
      : connection_(connection),
        framing_(framing),
        draining_(draining),
        gate_(gate),
        read_ahead_bytes_max_(read_ahead_bytes_max) {}

  [[nodiscard]] bool is_draining() const noexcept { return draining_.load(std::memory_order_relaxed); }
  /// True if the peer's system has acknowledged everything sent.
  [[nodiscard]] bool has_taken_all() const noexcept { return connection_.bytes_not_taken() == 0; }
  /// What it has acknowledged of the current answer, or a little less: framing that is under way counts as content.
  [[nodiscard]] std::uint64_t taken_bytes() const noexcept {
    return sent_bytes_ - std::min<std::uint64_t>(sent_bytes_, connection_.bytes_not_taken());
  }
  [[nodiscard]] bool wants_head_only() const noexcept { return framing_.head_only; }

  /// A wait for something other than the client. It is stopped if the client disconnects, and by a drain, past or
  /// future.
  class waiting {
   public:
    explicit waiting(client_link& client);
    ~waiting() { client_.interruption_.reset(); }
    waiting(waiting const&) = delete;
    waiting& operator=(waiting const&) = delete;

    [[nodiscard]] interruption& stop() noexcept { return *client_.interruption_; }

   private:
    client_link& client_;
    connection::hang_up_watch const watch_;
  };

  /// Waits; a drain ends the wait early. @return true if the client is still connected.
  awaitable<bool> pause(std::chrono::nanoseconds time);
  /// The same until the timer expires or is cancelled.
  awaitable<bool> pause(timer& until);

  /// Waits until the contents of a piece of an answer are durable. @return false if they never will be.
  awaitable<bool> until_durable(std::uint64_t needs) { return gate_.wait(needs); }

  /// How a wait for progress ended.
  enum class progress_wait {
    made,     ///< the journal has come so far
    late,     ///< the time was over first
    drained,  ///< the drain time was over first
    gone,     ///< the client has gone
  };

  /// Waits until the journal's progress reaches a number.
  awaitable<progress_wait> until_progress(std::uint64_t number, std::chrono::nanoseconds at_most);

  // --- a body in pieces, of a request that asked for it so ---

  enum class body_piece {
    more,    ///< data have arrived, and more will follow
    end,     ///< the body has ended, with or without further data
    failed,  ///< body_failure() has the reason
    gone,    ///< the client has gone
    paused,  ///< interrupt_body() was called
  };

  /// Waits for more of the body and appends it to `to`. All waits together have the time limit of a transfer.
  awaitable<body_piece> read_body(std::string& to);
  /// Ends a wait of read_body() for the client; it can be called again.
  void interrupt_body() { connection_.interrupt(); }
  [[nodiscard]] protocol::failure const& body_failure() const noexcept { return body_failure_; }

  /// Number of body bytes read.
  [[nodiscard]] std::uint64_t body_bytes() const noexcept { return body_bytes_; }

  // --- an answer in pieces: begin(), send() for each, end(). Each returns whether the client is still there ---

  /// @param ends_connection the answer has no end of its own, so the connection ends with it.
  void begin(reply const& head, bool ends_connection);

  /// Sends what begin() has written; useful if the first piece may take long.
  awaitable<bool> send_head();

  /// Appends content if the client accepts any. Sends nothing for an empty piece.
  awaitable<bool> send(std::string_view piece);
  awaitable<bool> end();

  // --- an answer that another server has made ---

  /// Begins it. @param head status line and field lines, without those of the framing and without the empty line.
  /// @param length_is_known Content-Length is among the fields, or the status has no content: send_as_is() sends the
  /// content. Otherwise send() and end() do.
  void begin_as_is(std::string_view head, bool length_is_known);
  awaitable<bool> send_as_is(std::string_view piece);
  /// Content for send_head() to send along.
  void add_as_is(std::string_view content);

  /// How much content has been sent.
  [[nodiscard]] std::uint64_t sent_bytes() const noexcept { return sent_bytes_; }

  // --- for the session ---

  /// The unread part of the request's body. Must outlive the request.
  void offer_body(request_parser& parser, bool continue_expected) noexcept {
    body_ = &parser;
    continue_expected_ = continue_expected;
    body_bytes_ = sent_bytes_ = 0;
    body_time_ = {};
  }

  /// Called when the server drains: ends a wait, but not a hold.
  void drain();
  /// Called when the drain time is over: ends a hold, too. @return true if there was a wait or a hold.
  bool hurry();

 private:
  connection& connection_;
  reply_framing& framing_;
  std::atomic<bool> const& draining_;
  answer_gate& gate_;
  std::size_t const read_ahead_bytes_max_;
  std::optional<interruption> interruption_;
  request_parser* body_ = nullptr;
  bool continue_expected_ = false;
  std::uint64_t body_bytes_ = 0, sent_bytes_ = 0;
  connection::clock::duration body_time_{};  // spent waiting for the body
  protocol::failure body_failure_{protocol::errc::internal, {}};
};

}  // namespace holdfast::server
