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

/// Contents up to this size are copied behind their header; a larger value is sent from where it lies.
inline constexpr std::size_t copied_bytes_max = 16 * 1024;

/// One connection's requests and answers, one after the other, without I/O: serve() takes bytes off the front of what
/// has arrived and says what is needed to continue. Whoever calls it provides that, and calls it again. One thread.
class exchange {
 public:
  using clock = std::chrono::steady_clock;

  /// What serve() needs.
  enum class step {
    answered,    ///< nothing: one request has been answered, and there may be more to serve
    more_bytes,  ///< bytes of the client. What is in the output must be sent first, as the client may wait for it
    time,        ///< run() to be awaited
    room,        ///< the output to be sent, and tail() behind it; then sent()
    end,         ///< the same; then the connection is at its end
  };

  /// All must outlive it. @param known_fields of the thread.
  /// @param under_way what bodies and requests that are awaited count against.
  exchange(std::unique_ptr<request_handler> handler, session_settings const& settings, known_fields& known_fields,
           byte_budget& under_way, std::atomic<bool> const& draining, answer_gate const& gate)
      : handler_(std::move(handler)),
        settings_(settings),
        draining_(draining),
        gate_(gate),
        parser_(settings.body_bytes_max, &known_fields),
        counted_(under_way) {}

  /// Serves one request, or as much of it as has come, and appends the answer to `output`. `input` shrinks by what was
  /// used. Called again without what was needed it says the same again. @param now when the input was read.
  step serve(std::string_view& input, byte_buffer& output, peer_address const& client, clock::time_point now);

  /// Does what must be awaited. @return whether the client is still there.
  awaitable<bool> run(client_link& client);

  /// The content that is sent from where it lies.
  [[nodiscard]] std::string_view tail() const noexcept { return tail_; }
  void sent() noexcept;

  /// Of the answers in the output, what has to be withheld.
  struct withheld {
    struct line {
      std::size_t at;  ///< answer_gate::timing_text, in the output
      clock::time_point since;
    };
    std::uint64_t needs = 0;  ///< by all of them; 0: nothing has to be withheld
    std::vector<line> lines;
  };
  /// Since the last call.
  [[nodiscard]] bool has_withheld() const noexcept { return withheld_.needs != 0; }
  [[nodiscard]] withheld take_withheld() noexcept { return std::exchange(withheld_, {}); }

  /// What is needed has not come in time: the answer is an error.
  void time_out();

  /// Whether nothing of a request has come, where nothing is left of the input.
  [[nodiscard]] bool is_between_requests() const noexcept { return state_ == state::head; }
  [[nodiscard]] bool is_in_body() const noexcept { return state_ == state::body; }
  [[nodiscard]] std::uint64_t body_bytes() const noexcept { return body_.size(); }  ///< that have come so far
  [[nodiscard]] reply_framing& framing() noexcept { return framing_; }

 private:
  enum class state : unsigned char {
    head,    // of the next request
    body,    // of the request
    time,    // something must be awaited
    answer,  // is there
    tail,    // must be sent
    sent,    // the answer has been, by the handler
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

  std::unique_ptr<request_handler> const handler_;
  session_settings const& settings_;
  std::atomic<bool> const& draining_;
  answer_gate const& gate_;
  request_parser parser_;
  head_scanner scanner_;

  // Of the request being served.
  state state_ = state::head;
  reply_framing framing_;
  server::method method_ = method::unknown;
  bool continue_expected_ = false;
  std::string body_;
  byte_budget::share counted_;  // of what is kept while something is awaited
  clock::time_point begun_at_{};
  reply answer_;
  std::string_view tail_;
  withheld withheld_;
  peer_address const* client_ = nullptr;            // of the latest serve()
  std::uint64_t body_bytes_ = 0, piece_bytes_ = 0;  // that came; that were sent piece by piece
};

}  // namespace holdfast::server
