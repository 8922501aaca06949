#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/http/request_head.hpp"

namespace holdfast::server {

/// The fields of recent headers, byte for byte, with what the parser made of them. A client sends the same fields with
/// each of its requests, as HPACK (RFC 7541) makes use of: so most headers need no second scan and no second parse, and
/// since the bytes are the same, so is the verdict. Only fields that were accepted in an HTTP/1.1 request are kept:
/// their meaning depends on nothing else. A secret among them (Authorization) is compared last and in constant time, so
/// that nobody can find out another client's by how long a guess takes. Not thread-safe.
class known_fields {
 public:
  static constexpr std::size_t bytes_max = 2048;  // of one header's fields

  struct entry {
    std::string fields;  ///< from behind the request line to the empty line, which is in it
    request_head head;   ///< method and target are whatever they were last
    bool chunked = false;
    std::uint64_t content_length = 0;
    std::uint64_t used_at = 0;
    std::size_t secret_at = 0, secret_bytes = 0;  ///< where in `fields`; 0 bytes: there is none

    /// Whether `text` begins with the fields.
    [[nodiscard]] bool begins(std::string_view text) const noexcept;
  };

  /// The entry with whose fields `text` begins, valid until the next remember(); null where there is none.
  [[nodiscard]] entry* find(std::string_view text);

  /// Keeps fields, in place of those that were not used for longest. `head` may refer to them.
  void remember(std::string_view fields, request_head const& head, bool chunked, std::uint64_t content_length);

 private:
  // A few kinds of clients, and space for PUTs, each of whose lengths is a set of fields of its own.
  std::array<entry, 8> entries_;
  std::size_t last_found_ = 0;
  std::uint64_t uses_ = 0;
  std::uint64_t credentials_ = 0;  // how many entries have had some
};

}  // namespace holdfast::server
