#include "server/forward/answer_head.hpp"

#include <charconv>
#include <system_error>

#include "server/forward/field_lines.hpp"

namespace holdfast::server {

std::optional<answer_head> read_answer_head(std::string_view block, std::string& passed) {
  constexpr std::string_view version = "HTTP/1.1 ";
  constexpr std::size_t status_digits = 3;
  auto const line_end = block.find("\r\n");
  if (!block.starts_with(version) || line_end < version.size() + status_digits || !block.ends_with("\r\n\r\n"))
    return std::nullopt;
  answer_head head;
  auto const status = block.substr(version.size(), status_digits);
  auto const read = std::from_chars(status.data(), status.data() + status.size(), head.status);
  if (read.ptr != status.data() + status.size() || head.status < 100) return std::nullopt;
  auto const lines_at = line_end + 2;
  passed += block.substr(0, lines_at);
  auto const fields = append_end_to_end(passed, block.substr(lines_at, block.size() - lines_at - 2));
  head.is_chunked = fields.is_chunked;
  head.closes = fields.closes;
  if (fields.content_length.empty()) return head;
  if (fields.is_chunked) return std::nullopt;
  auto const text = fields.content_length;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), head.content_bytes.emplace());
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return head;
}

}  // namespace holdfast::server
