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

/// What a request needs before its answer is there.
enum class request_need {
  nothing,  ///< the answer is there
  body,     ///< its body: finish()
  stream,   ///< its body, piece by piece and however long: run(), which reads it by client_link::read_body()
  time,     ///< something must be awaited: run()
};

/// How a request ended that was awaited.
enum class request_end {
  answered,  ///< the answer is there
  sent,      ///< the answer has been sent already, piece by piece
  gone,      ///< the client is gone, or doesn't take what it is sent
};

/// What became of a request.
struct answered_request {
  server::method method = method::unknown;
  unsigned status = 0;
  std::chrono::steady_clock::time_point begun_at{};
  peer_address const& client;
  std::uint64_t body_bytes = 0;     ///< that have come, as far as the exchange or the client's link has seen them
  std::uint64_t content_bytes = 0;  ///< of the answer
};

/// What requests mean: the interface by which http/ asks whoever knows the resources. One handler serves one request
/// after the other. One thread.
class request_handler {
 public:
  using clock = std::chrono::steady_clock;

  virtual ~request_handler() = default;

  /// A request has come whose header is `head`, valid during the call. Answers it into `answer` if nothing must be
  /// awaited for that. A body that is not asked for remains unread, and the connection ends with the answer.
  virtual request_need begin(request_head const& head, peer_address const& client, reply& answer) = 0;

  /// How long the body may be that begin() has asked for.
  [[nodiscard]] virtual std::size_t body_bytes_max() const = 0;

  /// The body has come, in one piece. @return nothing or time.
  virtual request_need finish(std::string&& body, reply& answer) = 0;

  /// Does what must be awaited. `client` and `answer` outlive it.
  virtual awaitable<request_end> run(client_link& client, reply& answer) = 0;

  /// A request has been answered, also one whose header could not be understood. For statistics. Forgets the request.
  virtual void count(answered_request const& done) = 0;
};

}  // namespace holdfast::server
