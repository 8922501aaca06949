#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "server/http/reply.hpp"
#include "server/http/request_head.hpp"
#include "server/loop/asio.hpp"
#include "server/net/peer_address.hpp"

namespace holdfast::server {

class client_link;

/// What a request needs before it can be answered.
enum class request_need {
  nothing,  ///< the answer is ready
  body,     ///< the body: finish()
  stream,   ///< the body in pieces, of any length: run(), which reads it with client_link::read_body()
  time,     ///< something must be awaited: run()
};

/// How an awaited request ended.
enum class request_end {
  answered,  ///< the answer is ready
  sent,      ///< the answer has been sent in pieces
  gone,      ///< the client has gone, or does not read
};

/// Figures of a finished request.
struct answered_request {
  server::method method = method::unknown;
  unsigned status = 0;
  std::chrono::steady_clock::time_point begun_at{};
  peer_address const& client;
  std::uint64_t body_bytes = 0;     ///< received, as far as the exchange or the client's link has read them
  std::uint64_t content_bytes = 0;  ///< of the answer
};

/// The interface from http/ to the code that knows the resources. One handler serves one request at a time. One thread.
class request_handler {
 public:
  using clock = std::chrono::steady_clock;

  virtual ~request_handler() = default;

  /// Called for a request with header `head`, which is valid during the call. Answers into `answer` unless something
  /// must be awaited. A body that is not asked for stays unread, and the connection ends with the answer.
  virtual request_need begin(request_head const& head, peer_address const& client, reply& answer) = 0;

  /// Limit for the length of the body that begin() has asked for.
  [[nodiscard]] virtual std::size_t body_bytes_max() const = 0;

  /// Called with the complete body. @return nothing or time.
  virtual request_need finish(std::string&& body, reply& answer) = 0;

  /// Does what must be awaited. `client` and `answer` outlive it.
  virtual awaitable<request_end> run(client_link& client, reply& answer) = 0;

  /// Called after each answer, also for a request with an invalid header; and once for a request whose connection ended
  /// earlier, with status 499 if it had no answer yet. For statistics. Forgets the request.
  virtual void count(answered_request const& done) = 0;
};

}  // namespace holdfast::server
