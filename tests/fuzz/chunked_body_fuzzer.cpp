// A chunked body, against a second reading of what was accepted.
#include <charconv>

#include "server/http/chunked_body.hpp"
#include "tests/fuzz/fuzzer.hpp"
#include "tests/fuzz/splits.hpp"

namespace holdfast::fuzz {
namespace {

constexpr std::size_t content_bytes_max = 300;

struct decoded {
  std::string content;
  std::size_t used = 0;
  bool is_done = false;
  std::string refused;  // or why not

  bool operator==(decoded const&) const = default;
};

decoded decode(std::string_view bytes, next_size const& next) {
  decoded found;
  server::chunked_body body(content_bytes_max);
  while (found.used < bytes.size()) {
    auto const piece = exact_copy(bytes.substr(found.used, next()));
    auto const used = body.decode(view(piece), found.content);
    if (!used) {
      found.refused = used.error().detail;
      found.used = 0;  // how far it had come depends on the pieces
      break;
    }
    found.used += *used;
    if (body.done()) break;
    require(*used == piece.size(), "all is used until the body ends");
  }
  found.is_done = body.done();
  return found;
}

/// The content of a body that was accepted, read line by line.
std::string content_of(std::string_view body) {
  std::string content;
  auto const cut_line = [&] {
    auto const end = body.find("\r\n");
    require(end != std::string_view::npos, "lines end in CRLF");
    auto const line = body.substr(0, end);
    body.remove_prefix(end + 2);
    return line;
  };
  for (;;) {
    auto const line = cut_line();
    std::uint64_t size = 0;
    auto const [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    require(error == std::errc() && (end == line.data() + line.size() || *end == ';' || *end == ' ' || *end == '\t'),
            "a chunk begins with its size");
    if (size == 0) break;
    require(size + 2 <= body.size() && body.substr(size, 2) == "\r\n", "CRLF follows a chunk's data");
    content += body.substr(0, size);
    body.remove_prefix(size + 2);
  }
  while (!cut_line().empty()) {
  }
  require(body.empty(), "nothing is used behind the end");
  return content;
}

}  // namespace

void fuzz_chunked_body(std::string_view input) {
  auto const whole = decode(input, in_one_piece());
  require(whole == decode(input, by_chance(input)), "pieces do not change what is decoded");
  if (input.size() <= byte_by_byte_max)
    require(whole == decode(input, byte_by_byte()), "single bytes do not change what is decoded");
  require(whole.content.size() <= content_bytes_max, "a body keeps to its limit");
  if (!whole.is_done) return;
  auto const again = content_of(input.substr(0, whole.used));
  require(again == whole.content, "two readings agree", whole.content, again);
}

}  // namespace holdfast::fuzz
