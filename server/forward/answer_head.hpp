#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::server {

/// The header of an answer that another server has made.
struct answer_head {
  unsigned status = 0;
  std::optional<std::uint64_t> content_bytes{};  ///< Content-Length
  bool is_chunked = false;
  bool closes = false;  ///< the server ends the connection with this answer
};

/// Reads the header of an answer, and appends to `passed` what a client gets of it: status line and field lines without
/// those of the framing (append_end_to_end()).
/// @param block from the status line to the empty line, which is in it. @return none if it is malformed
[[nodiscard]] std::optional<answer_head> read_answer_head(std::string_view block, std::string& passed);

}  // namespace holdfast::server
