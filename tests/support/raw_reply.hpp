#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::tests {

/// The members of a problem+json body (RFC 9457 §3.1), and our own `code`.
struct problem {
  std::string type, title, detail, code;
  int status = 0;
};

/// An answer, parsed independently of the server's code. Field names are in lower case.
struct raw_reply {
  int status = 0;
  std::map<std::string, std::string> fields;
  std::string body;

  [[nodiscard]] bool has(std::string const& name) const { return fields.contains(name); }
  /// Empty if there is no such field.
  [[nodiscard]] std::string field(std::string const& name) const {
    auto const found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  }

  /// The body as a problem; nullopt unless it is JSON with all five members of the right types.
  [[nodiscard]] std::optional<problem> as_problem() const;
  /// The `code` of a problem+json body, or empty.
  [[nodiscard]] std::string code() const;
  /// The `detail` of a problem+json body, or empty.
  [[nodiscard]] std::string detail() const;

  /// The values of Server-Timing. Throw std::runtime_error if there are none.
  [[nodiscard]] double wait_ms() const { return timing_ms("wait"); }
  [[nodiscard]] double hold_ms() const { return timing_ms("hold"); }
  /// How long the answer was delayed until it was durable, and with how many others; nullopt if it was not delayed.
  struct withholding {
    double ms = 0;
    int others = 0;
    bool is_synced = true;
  };
  [[nodiscard]] std::optional<withholding> disk() const;

 private:
  [[nodiscard]] double timing_ms(std::string_view metric) const;
};

/// Parses a header, from the status line to the last field line, each with its CRLF.
/// @throws std::runtime_error if it is not a strict HTTP/1.1 header, or a field occurs twice.
[[nodiscard]] raw_reply parse_reply_head(std::string_view head);

/// The first violation of what the API promises for every answer: Date, nosniff, a length, problem+json with all
/// members, Allow on a 405, Retry-After on a 503. Empty if there is none.
/// @param to_head true for the answer to a HEAD request, which has no body.
[[nodiscard]] std::string broken_promise(raw_reply const& reply, bool to_head);

/// The content of a complete chunked answer. @throws std::runtime_error if a chunk is malformed or truncated, or the
/// last one is missing.
[[nodiscard]] std::string content_of(std::string_view answer);

/// True if `text` is one JSON value, with optional white space around it.
[[nodiscard]] bool is_json(std::string_view text);

/// The member `name` of a JSON object if it is a string; otherwise empty.
[[nodiscard]] std::string json_member(std::string_view object, std::string const& name);

}  // namespace holdfast::tests
