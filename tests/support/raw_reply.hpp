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

/// An answer taken apart by code that shares nothing with the server's. Field names in lower case.
struct raw_reply {
  int status = 0;
  std::map<std::string, std::string> fields;
  std::string body;

  [[nodiscard]] bool has(std::string const& name) const { return fields.contains(name); }
  /// Empty where there is no such field.
  [[nodiscard]] std::string field(std::string const& name) const {
    auto const found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  }

  /// The body as a problem; nothing unless it is JSON with all five members, each of its type.
  [[nodiscard]] std::optional<problem> as_problem() const;
  /// The `code` of a problem+json body; empty where there is none.
  [[nodiscard]] std::string code() const;
  /// The `detail` of a problem+json body; empty where there is none.
  [[nodiscard]] std::string detail() const;

  /// What Server-Timing tells. Throws std::runtime_error where it tells nothing.
  [[nodiscard]] double wait_ms() const { return timing_ms("wait"); }
  [[nodiscard]] double hold_ms() const { return timing_ms("hold"); }
  /// For how long it was withheld until it was durable, and with how many others; nothing where it was not.
  struct withholding {
    double ms = 0;
    int others = 0;
    bool is_synced = true;
  };
  [[nodiscard]] std::optional<withholding> disk() const;

 private:
  [[nodiscard]] double timing_ms(std::string_view metric) const;
};

/// Takes a header apart, status line to last field line, each with its CRLF.
/// @throws std::runtime_error for anything that is not a strict HTTP/1.1 header, and for a field given twice.
[[nodiscard]] raw_reply parse_reply_head(std::string_view head);

/// Where an answer breaks a promise that the contract makes of every answer: Date, nosniff, a length, problem+json with
/// all members, Allow on a 405, Retry-After on a 503. Empty where it keeps them all.
/// @param to_head it answers a HEAD, so there is no body to look at.
[[nodiscard]] std::string broken_promise(raw_reply const& reply, bool to_head);

/// The content of a chunked answer, all of which is given. @throws std::runtime_error where a chunk is malformed, or
/// cut off, or the last one is missing.
[[nodiscard]] std::string content_of(std::string_view answer);

/// Whether `text` is one JSON value and nothing else but white space.
[[nodiscard]] bool is_json(std::string_view text);

/// The member `name` of a JSON object, where that is a string; empty otherwise.
[[nodiscard]] std::string json_member(std::string_view object, std::string const& name);

}  // namespace holdfast::tests
