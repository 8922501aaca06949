#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::server {

/// The header of the leader's response.
struct answer_head {
  unsigned status = 0;
  std::optional<std::uint64_t> content_bytes{};  ///< Content-Length
  bool is_chunked = false;
  bool closes = false;  ///< the connection ends with this response
};

/// Parses the header of a response. Appends the status line and the end-to-end fields (append_end_to_end()) to
/// `passed`.
/// @param block from the status line to the empty line, inclusive. @return empty if it is malformed.
[[nodiscard]] std::optional<answer_head> read_answer_head(std::string_view block, std::string& passed);

}  // namespace holdfast::server
