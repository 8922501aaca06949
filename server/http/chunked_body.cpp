#include "server/http/chunked_body.hpp"

#include <algorithm>
#include <charconv>

#include "protocol/ascii.hpp"

namespace holdfast::server {

using namespace protocol;
namespace {

constexpr std::size_t size_digits_max = 16;  // of a 64-bit number

failure refuse(std::string detail) {
  return {errc::bad_request, std::move(detail)};
}

/// Removes the longest prefix of `rest` whose characters satisfy `belongs`.
template <class Predicate>
std::string_view cut_while(std::string_view& rest, Predicate belongs) {
  auto const end = std::find_if_not(rest.begin(), rest.end(), belongs);
  auto const piece = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  rest.remove_prefix(piece.size());
  return piece;
}

void skip_blanks(std::string_view& rest) {
  cut_while(rest, [](char c) { return c == ' ' || c == '\t'; });
}

bool cut_quoted_string(std::string_view& rest) {
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

/// chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
bool are_chunk_extensions(std::string_view rest) {
  while (!rest.empty()) {
    skip_blanks(rest);
    if (!rest.starts_with(';')) return false;
    rest.remove_prefix(1);
    skip_blanks(rest);
    if (cut_while(rest, is_token_character).empty()) return false;
    auto behind_name = rest;
    skip_blanks(behind_name);
    if (!behind_name.starts_with('=')) continue;
    rest = behind_name.substr(1);
    skip_blanks(rest);
    if (rest.starts_with('"') ? !cut_quoted_string(rest) : cut_while(rest, is_token_character).empty()) return false;
  }
  return true;
}

}  // namespace

void append_chunk(byte_buffer& output, std::string_view text) {
  char digits[16];
  auto const* const end = std::to_chars(digits, digits + sizeof digits, text.size(), 16).ptr;
  output.append({digits, end});
  output.append("\r\n");
  output.append(text);
  output.append("\r\n");
}

result<std::size_t> chunked_body::decode(std::string_view bytes, std::string& content) {
  std::size_t used = 0;
  while (used < bytes.size() && state_ != state::done) {
    if (state_ == state::data) {
      auto const piece =
          bytes.substr(used, static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, bytes.size())));
      content.append(piece);
      used += piece.size();
      chunk_left_ -= piece.size();
      if (chunk_left_ == 0) state_ = state::data_end;
      continue;
    }
    auto const c = bytes[used++];
    if (!has_cr_) {
      if (c == '\r') {
        has_cr_ = true;
      } else if (state_ == state::data_end) {
        return refuse("a chunk is longer than its size says; CRLF must follow its data");
      } else if (auto added = add_to_line(c); !added) {
        return added.error();
      }
      continue;
    }
    if (c != '\n') return refuse("the chunked body has a CR that no LF follows");
    has_cr_ = false;
    if (state_ == state::data_end) {
      state_ = state::size_line;
    } else if (auto ended = state_ == state::size_line ? end_size_line() : end_trailer_line(); !ended) {
      return ended.error();
    }
    line_.clear();
  }
  return used;
}

result<void> chunked_body::add_to_line(char c) {
  if (c == '\n') return refuse("a line of the chunked body ends in a bare LF; end lines with CRLF");
  if (!is_line_character(c)) return refuse("a chunk extension or a trailer has a control character");
  if (line_.size() >= overhead_left_ + size_digits_max)
    return failure{errc::header_too_large, "chunk extensions and trailers together are limited to " +
                                               std::to_string(chunk_overhead_bytes_max) + " bytes"};
  line_ += c;
  return {};
}

result<void> chunked_body::end_size_line() {
  std::string_view rest = line_;
  auto digits = cut_while(rest, [](char c) { return hex_value(c) >= 0; });
  if (digits.empty()) return refuse("a chunk must start with its size in hexadecimal digits");
  if (!are_chunk_extensions(rest)) return refuse("a chunk size is followed by something that is not an extension");
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.size() > size_digits_max) return refuse("a chunk size does not fit 64 bits");
  overhead_left_ -= std::min(overhead_left_, line_.size() - digits.size());

  chunk_left_ = 0;
  for (auto const digit : digits) chunk_left_ = chunk_left_ * 16 + static_cast<unsigned>(hex_value(digit));
  if (chunk_left_ > content_left_)
    return failure{errc::body_too_large, "the body is limited to " + std::to_string(content_bytes_max_) + " bytes"};
  content_left_ -= chunk_left_;
  state_ = chunk_left_ == 0 ? state::trailer_line : state::data;
  return {};
}

result<void> chunked_body::end_trailer_line() {
  if (line_.empty()) {
    state_ = state::done;
    return {};
  }
  std::string_view rest = line_;
  if (cut_while(rest, is_token_character).empty() || !rest.starts_with(':'))
    return refuse("a trailer line is not NAME: VALUE, without a space before the colon and without folding");
  overhead_left_ -= std::min(overhead_left_, line_.size());
  return {};
}

}  // namespace holdfast::server
