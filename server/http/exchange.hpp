#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/http/answer_gate.hpp"
#include "server/http/head_scanner.hpp"
#include "server/http/reply.hpp"
#include "server/http/request_handler.hpp"
#include "server/http/request_parser.hpp"
#include "server/http/session_settings.hpp"
#include "server/loop/byte_budget.hpp"
#include "server/net/byte_buffer.hpp"
#include "server/net/peer_address.hpp"

namespace holdfast::server {

/// Contents up to this size are copied after their header; larger values are sent from their own memory.
inline constexpr std::size_t copied_bytes_max = 16 * 1024;

/// The requests and answers of one connection, in sequence and without I/O: serve() consumes received bytes and returns
/// what it needs to continue. The caller provides that and calls again. One thread.
class exchange {
 public:
  using clock = std::chrono::steady_clock;

  /// What serve() needs next.
  enum class step {
    answered,    ///< nothing: a request was answered; there may be more input to serve
    more_bytes,  ///< more bytes from the client. The output must be sent first, because the client may wait for it
    time,        ///< run() must be awaited
    room,        ///< output must be sent, followed by tail(); then call sent()
    end,         ///< the same; then the connection ends
  };

  /// All arguments must outlive it. @param known_fields of this thread. @param under_way budget for memory of bodies
  /// and awaited requests.
  exchange(std::unique_ptr<request_handler> handler, session_settings const& settings, known_fields& known_fields,
           byte_budget& under_way, std::atomic<bool> const& draining, answer_gate const& gate)
      : handler_(std::move(handler)),
        settings_(settings),
        draining_(draining),
        gate_(gate),
        parser_(settings.body_bytes_max, &known_fields),
        counted_(under_way) {}

  /// Serves one request, or as much of it as has arrived, and appends the answer to `output`. Consumes from `input`. If
  /// called again without what it needs, it returns the same. @param now time at which the input was read.
  step serve(std::string_view& input, byte_buffer& output, peer_address const& client, clock::time_point now);

  /// Awaits what the request waits for. @return true if the client is still connected.
  awaitable<bool> run(client_link& client);

  /// Content to be sent from its own memory.
  [[nodiscard]] std::string_view tail() const noexcept { return tail_; }
  void sent() noexcept;

  /// The part of the answers in the output that must be withheld.
  struct withheld {
    struct line {
      std::size_t at;  ///< position of answer_gate::timing_text in the output
      clock::time_point since;
    };
    std::uint64_t needs = 0;  ///< maximum over all answers; 0: nothing must be withheld
    std::vector<line> lines;
  };
  /// Since the last call.
  [[nodiscard]] bool has_withheld() const noexcept { return withheld_.needs != 0; }
  [[nodiscard]] withheld take_withheld() noexcept { return std::exchange(withheld_, {}); }

  /// A deadline has passed: the answer is an error.
  void time_out();

  /// The memory to wait for what serve() needs is used up: the answer is an error.
  void run_out_of_memory();

  /// The connection ends. Counts a request that has begun and has not been answered completely.
  /// @param tail_sent how much of tail() has been sent.
  void break_off(std::size_t tail_sent) noexcept;

  /// True if no part of a request has arrived, given that no input is left.
  [[nodiscard]] bool is_between_requests() const noexcept { return state_ == state::head; }
  [[nodiscard]] bool is_in_body() const noexcept { return state_ == state::body; }
  [[nodiscard]] std::uint64_t body_bytes() const noexcept { return body_.size(); }  ///< received so far
  /// Like is_in_body(), also for a body that the handler takes in pieces.
  [[nodiscard]] bool is_receiving_body() const { return is_in_body() || (state_ == state::time && !parser_.done()); }
  [[nodiscard]] reply_framing& framing() noexcept { return framing_; }

 private:
  enum class state : unsigned char {
    head,    // of the next request
    body,    // of the request
    time,    // run() must be awaited
    answer,  // complete
    tail,    // must be sent
    sent,    // sent by the handler
    end,
  };

  bool read_head(std::string_view& input, peer_address const& client);
  bool read_body(std::string_view& input, byte_buffer& output);
  void go_on(request_need need, std::size_t body_bytes = 0);
  bool count(std::size_t bytes);
  void count_answer(bool is_withheld);
  void refuse_for_memory();
  void refuse(protocol::failure const& error);
  step write_answer(byte_buffer& output);
  step finish();
  [[nodiscard]] std::size_t content_bytes() const noexcept { return framing_.head_only ? 0 : answer_.content().size(); }

  std::unique_ptr<request_handler> const handler_;
  session_settings const& settings_;
  std::atomic<bool> const& draining_;
  answer_gate const& gate_;
  request_parser parser_;
  head_scanner scanner_;

  // State of the request being served.
  state state_ = state::head;
  reply_framing framing_;
  server::method method_ = method::unknown;
  bool continue_expected_ = false;
  std::string body_;
  byte_budget::share counted_;  // for memory kept while awaiting
  clock::time_point begun_at_{};
  reply answer_;
  std::string_view tail_;
  withheld withheld_;
  peer_address const* client_ = nullptr;            // of the latest serve()
  std::uint64_t body_bytes_ = 0, piece_bytes_ = 0;  // bytes received; bytes sent piece by piece
};

}  // namespace holdfast::server
