#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/error.hpp"
#include "protocol/lock_timing.hpp"

namespace holdfast::client {

enum class content_kind { none, json, problem_json, other };

/// The part of an answer that the client acts on.
struct answer_message {
  unsigned status = 0;
  bool keep_alive = false;  ///< whether the connection may carry another request
  content_kind content = content_kind::none;
  std::optional<protocol::lock_timing> timing;
  std::string etag;
  std::optional<std::uint64_t> revision;  ///< Holdfast-Revision: at which the answer is true
  std::optional<double> ttl_s;            ///< Holdfast-TTL: seconds left
  bool replayed = false;                  ///< Idempotent-Replayed: the answer of an earlier request
  std::string body;
};

/// Parses one answer after another from the bytes of a connection. Beast does the parsing; what is checked here is
/// where Beast is laxer than RFC 9112 or where an answer could be cut without anybody noticing. Interim answers (1xx)
/// are skipped. Reused without allocating once its buffers have grown. Not thread-safe.
class answer_parser {
 public:
  explicit answer_parser(std::uint64_t body_bytes_max);
  ~answer_parser();
  answer_parser(answer_parser&&) noexcept;
  answer_parser& operator=(answer_parser&&) noexcept;

  /// Forgets the answer before and waits for the next one.
  void start();

  /// Takes what has arrived, not necessarily a complete answer. Call it only while not done().
  /// @return how many bytes were used: all of them, unless the answer ended before. error_kind::bad_answer when it
  /// can't be one: malformed, ambiguous or unknown framing, no length, a header above 64 KiB, a body above the limit.
  result<std::size_t> feed(std::string_view bytes);

  /// Whether any byte of the answer has arrived.
  [[nodiscard]] bool begun() const;
  [[nodiscard]] bool done() const;

  /// The answer; complete when done(). Valid until start().
  [[nodiscard]] answer_message const& message() const;
  [[nodiscard]] answer_message& message();

 private:
  class state;
  std::unique_ptr<state> state_;
};

}  // namespace holdfast::client
