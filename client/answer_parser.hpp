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

/// The parts of an answer that the client uses.
struct answer_message {
  unsigned status = 0;
  bool keep_alive = false;  ///< the connection may carry another request
  content_kind content = content_kind::none;
  std::optional<protocol::lock_timing> timing;
  std::string etag;
  std::optional<std::uint64_t> revision;  ///< Holdfast-Revision: the revision at which the answer is true
  std::optional<double> ttl_s;            ///< Holdfast-TTL: remaining seconds
  bool replayed = false;                  ///< Idempotent-Replayed: answer of an earlier request
  std::string body;
};

/// Parses answers in sequence from the bytes of a connection, with Beast. Additional checks cover what Beast accepts
/// against RFC
/// 9112 and truncation that would otherwise go unnoticed. Interim answers (1xx) are skipped. No allocations once its
/// buffers have grown. Not thread-safe.
class answer_parser {
 public:
  explicit answer_parser(std::uint64_t body_bytes_max);
  ~answer_parser();
  answer_parser(answer_parser&&) noexcept;
  answer_parser& operator=(answer_parser&&) noexcept;

  /// Discards the previous answer and waits for the next one.
  void start();

  /// Consumes received bytes, not necessarily a complete answer. Call only while not done().
  /// @return the number of bytes consumed: all, unless the answer ended before. error_kind::bad_answer for invalid
  /// bytes: malformed, ambiguous or unknown framing, no length, a header above 64 KiB, a body above the limit.
  result<std::size_t> feed(std::string_view bytes);

  /// True if any byte of the answer has arrived.
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
