#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/http/request_head.hpp"

namespace holdfast::server {

/// A cache from header fields, byte for byte, to their parsed form. Clients send the same fields with each request
/// (HPACK, RFC
/// 7541, uses this too), so most headers need no second scan and parse; equal bytes have an equal result. Only accepted
/// fields of HTTP/1.1 requests are cached: their meaning depends on nothing else. Authorization is secret; it is
/// compared last and in constant time, so that timing does not reveal another client's secret. Not thread-safe.
class known_fields {
 public:
  static constexpr std::size_t bytes_max = 2048;  // of the fields of one header

  struct entry {
    std::string fields;  ///< from the end of the request line through the empty line
    request_head head;   ///< method and target are unspecified
    bool chunked = false;
    std::uint64_t content_length = 0;
    std::uint64_t used_at = 0;
    std::size_t secret_at = 0, secret_bytes = 0;  ///< position in `fields`; 0 bytes: none

    /// True if `text` begins with these fields.
    [[nodiscard]] bool begins(std::string_view text) const noexcept;
  };

  /// The entry whose fields `text` begins with, valid until the next remember(), or null.
  [[nodiscard]] entry* find(std::string_view text);

  /// Caches fields in place of the least recently used entry. `head` may refer to them.
  void remember(std::string_view fields, request_head const& head, bool chunked, std::uint64_t content_length);

 private:
  // Enough for a few kinds of clients; PUTs need an entry for each length of body.
  std::array<entry, 8> entries_;
  std::size_t last_found_ = 0;
  std::uint64_t uses_ = 0;
  std::uint64_t credentials_ = 0;  // number of entries used so far
};

}  // namespace holdfast::server
