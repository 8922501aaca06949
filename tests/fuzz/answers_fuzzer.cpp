// What a client reads: answers, and the JSON in them.
#include "client/answer_parser.hpp"
#include "client/json_parts.hpp"
#include "protocol/json.hpp"
#include "tests/fuzz/fuzzer.hpp"
#include "tests/fuzz/splits.hpp"

namespace holdfast::fuzz {
namespace {

constexpr std::size_t body_bytes_max = 300;

std::string story_of(std::string_view bytes, next_size const& next) {
  std::string story;
  client::answer_parser parser(body_bytes_max);
  for (;;) {
    parser.start();
    while (!parser.done()) {
      if (bytes.empty()) return story + (parser.begun() ? "no more" : "");
      auto const piece = exact_copy(bytes.substr(0, next()));
      auto const used = parser.feed(view(piece));
      if (!used) return story + "no more";  // in pieces it may be seen later
      require(*used == piece.size() || parser.done(), "all is used until the answer ends");
      require(*used != 0 || parser.done(), "a parser gets on");
      bytes.remove_prefix(*used);
    }
    auto const& found = parser.message();
    require(found.status >= 200 && found.status <= 999, "an answer has a final status");
    require(found.body.size() <= body_bytes_max, "a body keeps to its limit");
    story += std::to_string(found.status) + (found.keep_alive ? " stays " : " closes ") + found.etag + ' ' +
             std::to_string(found.revision.value_or(0)) + ' ' + std::to_string(found.ttl_s.value_or(0)) +
             std::to_string(static_cast<int>(found.content)) + (found.replayed ? " again " : " ") + found.body + '\n';
    if (!found.keep_alive) return story;
  }
}

void hold_parts(std::string_view text) {
  require(protocol::check_json(client::json_string(text)).has_value(), "any text becomes a JSON string");
  if (!protocol::check_json(text)) return;
  require(protocol::check_json(client::json_string(client::string_in(text))).has_value(), "a string is text");
  std::size_t bytes = 0;
  for (auto const& [name, value] : client::members_of(text)) {
    require(protocol::check_json(value).has_value(), "a member's value is JSON");
    bytes += value.size();
  }
  for (auto const element : client::elements_of(text)) {
    require(protocol::check_json(element).has_value(), "an element is JSON");
    bytes += element.size();
  }
  require(bytes <= text.size(), "parts do not overlap");
}

}  // namespace

void fuzz_answers(std::string_view input) {
  hold_parts(input);
  auto const expected = story_of(input, in_one_piece());
  auto const pieces = story_of(input, by_chance(input));
  require(pieces == expected, "pieces do not change what is read", pieces, expected);
  if (input.size() > byte_by_byte_max) return;
  auto const bytes = story_of(input, byte_by_byte());
  require(bytes == expected, "single bytes do not change what is read", bytes, expected);
}

}  // namespace holdfast::fuzz
