// A connection's bytes, through all that makes requests of them: head_scanner, request_parser, known_fields,
// chunked_body, exchange.
#include <memory>

#include "protocol/ascii.hpp"
#include "server/http/exchange.hpp"
#include "server/http/known_fields.hpp"
#include "tests/fuzz/fuzzer.hpp"
#include "tests/fuzz/splits.hpp"

namespace holdfast::fuzz {
namespace {

using namespace server;

/// Writes down what it is asked, and takes each body but of a DELETE.
class recorder final : public request_handler {
 public:
  explicit recorder(std::string& story) : story_(story) {}

  request_need begin(request_head const& head, peer_address const&, reply& answer) override {
    add(head.method_text, head.target, head.host, head.authorization, head.origin, head.content_type,
        head.content_encoding, head.last_event_id, head.source, head.user_agent, head.if_match.value_or("none"),
        head.if_none_match.value_or("none"), head.lock.value_or("none"), head.idempotency_key.value_or("none"));
    for (bool const is :
         {head.http11, head.keep_alive, head.has_body, head.expects_continue, head.has_other_expectation,
          head.has_if_unmodified_since, head.is_cross_site, head.is_navigation, head.is_preflight,
          head.has_content_range, head.prefers_representation, head.has_two_idempotency_keys})
      story_ += is ? '1' : '0';
    hold_to_promises(head);
    answer.content_type = "text/plain";
    answer.body = "seen";
    return head.has_body && head.method != method::del ? request_need::body : request_need::nothing;
  }
  [[nodiscard]] std::size_t body_bytes_max() const override { return std::size_t(-1); }
  request_need finish(std::string&& body, reply&) override {
    add("body", body);
    return request_need::nothing;
  }
  awaitable<request_end> run(client_link&, reply&) override { co_return request_end::answered; }
  void count(answered_request const& done) override {
    add("answered", std::to_string(done.status), std::to_string(done.body_bytes), std::to_string(done.content_bytes));
  }

 private:
  template <class... Texts>
  void add(Texts const&... texts) {
    ((story_ += std::to_string(std::string_view(texts).size()) + ':' += texts), ...);
    story_ += '\n';
  }

  static void hold_to_promises(request_head const& head) {
    using protocol::is_line_character;
    require(!head.method_text.empty() && std::ranges::all_of(head.method_text, protocol::is_token_character),
            "a method is a token");
    require(!head.target.empty() && std::ranges::none_of(head.target, [](char c) { return c == ' ' || c == '\t'; }),
            "a target has no white space");
    if (head.target_is_plain)
      require(head.target.front() == '/' && head.target.find_first_of("%?#") == std::string_view::npos &&
                  std::ranges::all_of(head.target, [](char c) { return c > ' ' && c < 0x7F; }),
              "a plain target is a path of visible characters");
    if (head.is_bare)
      require(head.keep_alive && !head.has_body && !head.expects_continue && !head.has_other_expectation &&
                  !head.has_if_unmodified_since && !head.if_match && !head.if_none_match && head.origin.empty() &&
                  !head.is_cross_site,
              "a bare head has nothing of what it must not have");
    for (auto const text : {head.host, head.authorization, head.origin, head.content_type, head.source})
      require(std::ranges::all_of(text, is_line_character), "a field has no control character");
  }

  std::string& story_;
};

/// An answer's status, whether it closes, and its content; not what the clock says.
void add_answer(std::string& story, std::string_view output) {
  require(output.starts_with("HTTP/1.1 ") && output.find("\r\n\r\n") != std::string_view::npos,
          "each request that ends has an answer");
  auto const end = output.find("\r\n\r\n");
  story += output.substr(9, 3);
  if (output.substr(0, end).find("\r\nConnection: close") != std::string_view::npos) story += " closes";
  (story += output.substr(end)) += '\n';
}

/// What a connection makes of the bytes.
std::string story_of(std::string_view bytes, known_fields& known, next_size const& next) {
  std::string story;
  session_settings const settings{.header_bytes_max = 400, .body_bytes_max = 60};
  byte_budget budget(std::uint64_t(1) << 30);
  std::atomic<bool> const draining{false};
  static event_loop loop;  // system calls; nothing of a connection stays in it
  durable_progress const progress;
  answer_gate const gate(loop, progress);
  exchange one(std::make_unique<recorder>(story), settings, known, budget, draining, gate);
  byte_buffer output;
  peer_address const client;
  std::string unread;
  for (;;) {
    auto const arrived = exact_copy(unread);
    auto input = view(arrived);
    auto step = exchange::step::answered;
    while (step == exchange::step::answered) {
      auto const before = input.size();
      step = one.serve(input, output, client, {});
      require(input.size() <= before, "the input shrinks");
      // What is written while more is wanted is an interim answer, which depends on what has come.
      if (step != exchange::step::more_bytes && !output.empty()) add_answer(story, output.view());
      output.consume(output.size());
      if (step == exchange::step::end) return story + "end";
    }
    require(step == exchange::step::more_bytes, "nothing but bytes is needed");
    unread = input;
    if (bytes.empty()) break;
    auto const size = std::min(next(), bytes.size());
    unread += bytes.substr(0, size);
    bytes.remove_prefix(size);
  }
  return story + (one.is_in_body() ? "in a body" : "between") + std::to_string(one.body_bytes());
}

}  // namespace

void fuzz_requests(std::string_view input) {
  known_fields fresh, warm;
  auto const expected = story_of(input, fresh, in_one_piece());
  auto const pieces = story_of(input, warm, by_chance(input));
  require(pieces == expected, "pieces do not change what is served", pieces, expected);
  // Now most fields are known, and neither scanned nor parsed.
  auto const known = story_of(input, warm, in_one_piece());
  require(known == expected, "fields that are known mean the same", known, expected);
  if (input.size() > byte_by_byte_max) return;
  auto const bytes = story_of(input, fresh, byte_by_byte());
  require(bytes == expected, "single bytes do not change what is served", bytes, expected);
}

}  // namespace holdfast::fuzz
