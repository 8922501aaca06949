#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "protocol/error.hpp"
#include "server/net/byte_buffer.hpp"

namespace holdfast::server {

/// Limit for the sum of chunk extensions, leading zeros and trailers of a body.
constexpr std::size_t chunk_overhead_bytes_max = 8192;

/// Appends a chunk (RFC 9112 §7.1); an empty one is the last.
void append_chunk(byte_buffer& output, std::string_view text);

/// Decodes one chunked body (RFC 9112 §7.1) as it comes, and uses every byte it is given. Extensions and trailers are
/// held to the grammar and dropped. Not thread-safe.
///
/// Beast's decoder is not used: Beast 1.81 takes an LF or an unfinished line within a quoted extension and a folded
/// trailer, keeps no limit on extensions and trailers, and asserts on an empty body that arrives in pieces.
class chunked_body {
 public:
  explicit chunked_body(std::uint64_t content_bytes_max)
      : content_left_(content_bytes_max), content_bytes_max_(content_bytes_max) {}

  /// Appends the content of `bytes` to `content`.
  /// @return the number of bytes consumed: all, unless the body ends before. Errors: errc::bad_request,
  /// errc::body_too_large, and errc::header_too_large for extensions and trailers. Nothing may be decoded after an
  /// error.
  protocol::result<std::size_t> decode(std::string_view bytes, std::string& content);

  /// Removes the limit on the body's length.
  void lift_limit() noexcept { content_left_ = content_bytes_max_ = std::numeric_limits<std::uint64_t>::max(); }

  /// True if the body has ended, including its trailers.
  [[nodiscard]] bool done() const { return state_ == state::done; }

 private:
  enum class state { size_line, data, data_end, trailer_line, done };

  protocol::result<void> add_to_line(char c);
  protocol::result<void> end_size_line();
  protocol::result<void> end_trailer_line();

  state state_ = state::size_line;
  bool has_cr_ = false;  // the last byte was a CR
  std::string line_;     // the current line, without its end
  std::uint64_t chunk_left_ = 0;
  std::uint64_t content_left_;
  std::size_t overhead_left_ = chunk_overhead_bytes_max;
  std::uint64_t content_bytes_max_;
};

}  // namespace holdfast::server
