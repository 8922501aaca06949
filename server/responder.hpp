#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/reply.hpp"
#include "protocol/request_parser.hpp"
#include "server/byte_buffer.hpp"
#include "server/insight/insight.hpp"
#include "server/live_settings.hpp"
#include "server/routes.hpp"
#include "server/settings.hpp"
#include "server/store.hpp"

namespace holdfast::server {

/// Contents up to this size are copied behind their header; a larger value is written from where it lies.
inline constexpr std::size_t copied_bytes_max = 16 * 1024;
/// Pipelined answers are gathered up to this size before they are sent.
inline constexpr std::size_t gathered_bytes_max = 64 * 1024;

/// What all sessions of a server share. Outlives them.
struct server_context {
  server::settings const& settings;
  server::store& store;
  server::insight& insight;
  live_settings& live;
  std::atomic<std::size_t> const& connections;
  std::uint64_t start;  ///< tells this process's revisions from another's
  std::atomic<bool> const& draining;
};

/// Whoever asks for the lock, with the operation for which it does.
[[nodiscard]] inline lock_asker asker_of(kv_request const& request, protocol::reply_framing framing,
                                         lock_asker asker) noexcept {
  constexpr lock_operation operations[] = {lock_operation::get, lock_operation::put, lock_operation::del};
  asker.operation = framing.head_only ? lock_operation::head : operations[request.operation.index()];
  return asker;
}

/// The steps from a request to its answer that need no waiting, for one request after another. One thread.
class responder {
 public:
  /// @param serves_many whether it is for many connections, and so gains by remembering what they send.
  explicit responder(server_context const& context, bool serves_many = false)
      : context_(context), parser_(context.settings.sessions.body_bytes_max, serves_many) {}

  /// A header understood.
  struct parsed_request {
    // Initialized as an aggregate, all of it would be zeroed first, as much work as a tenth of its parsing.
    parsed_request(protocol::request_head const& head, route_settings const& settings, nanoseconds read_hold,
                   bool draining);

    protocol::reply_framing framing;
    bool continue_expected;
    protocol::method method;
    route_kind route = route_kind::value;
    std::variant<protocol::reply, kv_request, insight_request> routed;
  };

  /// Parses a whole header and finds its route. @return a failure where framing is lost.
  protocol::result<parsed_request> read_head(std::string_view block);

  /// See request_parser::recognize_head. @return the header's length; 0 where read_head() must be called.
  std::size_t recognize_head(std::string_view text) {
    return parser_.recognize_head(text, context_.settings.sessions.header_bytes_max);
  }

  /// The request whose head was recognized last.
  [[nodiscard]] parsed_request recognized() const { return understand(parser_.head()); }

  /// The key of the request whose head was recognized last, where it wants its value and nothing else, now; else empty.
  [[nodiscard]] std::string_view plain_read() const {
    if (context_.draining.load(std::memory_order_relaxed) || context_.live.read_hold().count() != 0) return {};
    return key_of_plain_read(parser_.head());
  }

  /// Parses what has arrived of a body; see request_parser::parse_body.
  protocol::result<std::size_t> read_body(std::string_view bytes, std::string& body) {
    return parser_.parse_body(bytes, body);
  }

  /// Whether the body is certain to go on behind so many bytes more.
  [[nodiscard]] bool body_exceeds(std::size_t bytes) const { return parser_.content_left() > bytes; }

  /// Whether the request has been read to its end.
  [[nodiscard]] bool is_read() const { return parser_.done(); }

  /// Makes a PUT's body its value. @return the answer where the body is not JSON.
  static std::optional<protocol::reply> take_value(protocol::put_operation& put, std::string&& body);

  /// The answer to what an operation came to.
  [[nodiscard]] protocol::reply answer(kv_request const& request, execution&& done) const;

  /// Appends the answer to a plain read.
  void answer(reading const& done, byte_buffer& output) const;

 private:
  [[nodiscard]] parsed_request understand(protocol::request_head const& head) const;

  server_context const& context_;
  protocol::request_parser parser_;
};

}  // namespace holdfast::server
