#include "server/http/request_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/protocol/code_of.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

using namespace std::literals;

constexpr std::uint64_t body_bytes_max = 1000;

/// Parses one header and keeps the bytes that its views refer to.
class parsed {
 public:
  explicit parsed(std::string block) : block_(std::move(block)), head_(parser_.parse_head(block_)) {
    EXPECT_TRUE(head_) << block_ << detail_of(head_);
  }
  request_head const& operator*() const { return *head_.value(); }
  request_head const* operator->() const { return head_.value(); }
  [[nodiscard]] bool done() const { return parser_.done(); }

 private:
  std::string block_;
  request_parser parser_{body_bytes_max};
  result<request_head const*> head_;
};

std::string request(std::string_view method, std::string_view fields = {}) {
  return std::string(method) + " / HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n";
}

std::string old_request(std::string_view fields) {
  return "GET / HTTP/1.0\r\n" + std::string(fields) + "\r\n";
}

TEST(request_parser, gives_method_target_and_version) {
  parsed const head("PUT /v1/kv/a%2Fb?hold=1s HTTP/1.1\r\nHost: localhost:8080\r\n\r\n");
  EXPECT_EQ(head->method, method::put);
  EXPECT_EQ(head->method_text, "PUT");
  EXPECT_EQ(head->target, "/v1/kv/a%2Fb?hold=1s");
  EXPECT_TRUE(head->http11);
  EXPECT_FALSE(parsed(old_request(""))->http11);
}

TEST(request_parser, knows_the_methods_of_http_and_of_patch) {
  struct row {
    char const* text;
    server::method method;
  };
  for (auto const& [text, known] :
       {row{"GET", method::get}, row{"HEAD", method::head}, row{"PUT", method::put}, row{"DELETE", method::del},
        row{"OPTIONS", method::options}, row{"POST", method::post}, row{"PATCH", method::patch},
        row{"TRACE", method::trace}, row{"CONNECT", method::connect}}) {
    EXPECT_EQ(parsed(request(text))->method, known) << text;
  }
}

TEST(request_parser, other_methods_and_other_case_are_unknown) {
  for (auto const* text : {"get", "Get", "LOCK", "PROPFIND", "BREW", "GETX", "G", "!#$%&'*+-.^_`|~"}) {
    parsed const head(request(text));
    EXPECT_EQ(head->method, method::unknown) << text;
    EXPECT_EQ(head->method_text, text);
  }
}

TEST(request_parser, takes_each_form_of_a_target_as_it_is) {
  for (auto const* target : {"/", "*", "http://localhost/a", "localhost:443", "/ä", "/\"<>\\^`{|}"})
    EXPECT_EQ(parsed("GET " + std::string(target) + " HTTP/1.1\r\nHost:\r\n\r\n")->target, target);
}

// --- staying open (RFC 9112 §9.3) -----------------------------------------------------------------------------------

TEST(request_parser, http11_stays_open_unless_told_to_close) {
  EXPECT_TRUE(parsed(request("GET"))->keep_alive);
  EXPECT_TRUE(parsed(request("GET", "Connection: keep-alive\r\n"))->keep_alive);
  EXPECT_TRUE(parsed(request("GET", "Connection: upgrade\r\n"))->keep_alive);
  EXPECT_TRUE(parsed(request("GET", "Connection: closed\r\n"))->keep_alive);
  EXPECT_FALSE(parsed(request("GET", "Connection: close\r\n"))->keep_alive);
}

TEST(request_parser, http10_closes_unless_told_to_stay) {
  EXPECT_FALSE(parsed(old_request(""))->keep_alive);
  EXPECT_FALSE(parsed(old_request("Connection: upgrade\r\n"))->keep_alive);
  EXPECT_FALSE(parsed(old_request("Connection: close\r\n"))->keep_alive);
  EXPECT_TRUE(parsed(old_request("Connection: keep-alive\r\n"))->keep_alive);
  EXPECT_TRUE(parsed(old_request("Connection: Keep-Alive\r\n"))->keep_alive);
}

TEST(request_parser, finds_close_in_lists_in_any_case_and_in_a_second_field) {
  for (auto const* fields :
       {"Connection: te, close\r\n", "Connection: CLOSE\r\n", "Connection: a,,close ,b\r\n", "connection:close\r\n",
        "Connection: te\r\nConnection: close\r\n", "Connection: close\r\nConnection: keep-alive\r\n"})
    EXPECT_FALSE(parsed(request("GET", fields))->keep_alive) << fields;
}

// Beast prefers keep-alive with HTTP/1.0.
TEST(request_parser, close_wins_over_keep_alive_in_either_version) {
  for (auto const* field : {"Connection: close, keep-alive\r\n", "Connection: keep-alive, close\r\n"}) {
    EXPECT_FALSE(parsed(request("GET", field))->keep_alive) << field;
    EXPECT_FALSE(parsed(old_request(field))->keep_alive) << field;
  }
}

// Beast reads it; a proxy that forwards it blindly would wait for an end that never comes (RFC 9112 §C.2.2).
TEST(request_parser, proxy_connection_changes_nothing) {
  EXPECT_FALSE(parsed(old_request("Proxy-Connection: keep-alive\r\n"))->keep_alive);
  EXPECT_TRUE(parsed(request("GET", "Proxy-Connection: close\r\n"))->keep_alive);
}

// --- the fields that the server acts on -----------------------------------------------------------------------------

TEST(request_parser, knows_whether_a_body_follows) {
  EXPECT_FALSE(parsed(request("PUT"))->has_body);
  EXPECT_FALSE(parsed(request("PUT", "Content-Length: 0\r\n"))->has_body);
  EXPECT_FALSE(parsed(request("PUT", "Content-Length: 000\r\n"))->has_body);
  EXPECT_TRUE(parsed(request("PUT", "Content-Length: 1\r\n"))->has_body);
  EXPECT_TRUE(parsed(request("PUT", "Transfer-Encoding: chunked\r\n"))->has_body);
  EXPECT_TRUE(parsed(request("PUT", "transfer-encoding: \t Chunked \t\r\n"))->has_body);
}

TEST(request_parser, is_done_after_the_header_exactly_where_no_body_follows) {
  EXPECT_TRUE(parsed(request("GET")).done());
  EXPECT_TRUE(parsed(request("PUT", "Content-Length: 0\r\n")).done());
  EXPECT_FALSE(parsed(request("PUT", "Content-Length: 1\r\n")).done());
  EXPECT_FALSE(parsed(request("PUT", "Transfer-Encoding: chunked\r\n")).done());
}

TEST(request_parser, tells_the_one_expectation_from_others) {
  EXPECT_FALSE(parsed(request("PUT"))->expects_continue);
  for (auto const* value : {"100-continue", "100-Continue", " 100-CONTINUE "}) {
    parsed const head(request("PUT", "Expect: " + std::string(value) + "\r\n"));
    EXPECT_TRUE(head->expects_continue) << value;
    EXPECT_FALSE(head->has_other_expectation) << value;
  }
  for (auto const* value : {"200-maybe", "100-continue, x", "100-continue;a=b", "100"}) {
    parsed const head(request("PUT", "Expect: " + std::string(value) + "\r\n"));
    EXPECT_EQ(head->expects_continue, std::string_view(value).starts_with("100-continue,")) << value;
  }
}

// RFC 9110 §10.1.1: such a client would parse the 100 as its answer.
TEST(request_parser, http10_does_not_wait_for_a_continue) {
  EXPECT_FALSE(parsed(old_request("Expect: 100-continue\r\nContent-Length: 1\r\n"))->expects_continue);
}

TEST(request_parser, joins_several_if_none_match_fields) {
  EXPECT_EQ(parsed(request("GET"))->if_none_match, std::nullopt);
  EXPECT_EQ(parsed(request("GET", "If-None-Match: *\r\n"))->if_none_match, "*");
  EXPECT_EQ(parsed(request("GET", "If-None-Match:\r\n"))->if_none_match, "");
  EXPECT_EQ(parsed(request("GET", "If-None-Match: \"a\", \"b\"\r\nIf-None-Match: W/\"c\"\r\n"))->if_none_match,
            "\"a\", \"b\", W/\"c\"");
}

TEST(request_parser, sees_preconditions) {
  EXPECT_FALSE(parsed(request("PUT", "If-None-Match: *\r\nIf-Modified-Since: x\r\n"))->has_if_unmodified_since);
  EXPECT_EQ(parsed(request("PUT", "If-Match: \"a\"\r\nIf-Match: \"b\"\r\n"))->if_match, "\"a\", \"b\"");
  EXPECT_EQ(parsed(request("PUT"))->if_match, std::nullopt);
  EXPECT_TRUE(
      parsed(request("PUT", "if-unmodified-since: Tue, 24 Nov 2026 03:14:11 GMT\r\n"))->has_if_unmodified_since);
}

TEST(request_parser, sees_content_encoding_and_content_range) {
  EXPECT_EQ(parsed(request("PUT"))->content_encoding, "");
  EXPECT_FALSE(parsed(request("PUT"))->has_content_range);
  EXPECT_EQ(parsed(request("PUT", "Content-Encoding: gzip\r\n"))->content_encoding, "gzip");
  EXPECT_TRUE(parsed(request("PUT", "Content-Range: bytes 0-1/2\r\n"))->has_content_range);
}

TEST(request_parser, a_content_encoding_does_not_hide_behind_another_field) {
  for (auto const* fields :
       {"Content-Encoding: gzip\r\nContent-Encoding: identity\r\n",
        "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", "Content-Encoding:\r\nContent-Encoding: gzip\r\n",
        "Content-Encoding: gzip\r\nContent-Encoding:\r\n"})
    EXPECT_EQ(parsed(request("PUT", fields))->content_encoding, "gzip") << fields;
}

TEST(request_parser, takes_an_empty_host_and_hosts_of_each_kind) {
  for (auto const* host : {"", "localhost", "localhost:8080", "127.0.0.1:80", "[::1]:8080"})
    EXPECT_TRUE(parsed("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n")->http11);
  EXPECT_EQ(parsed(old_request("Host: localhost\r\n"))->method, method::get);
}

// RFC 7240 §2.
TEST(request_parser, reads_the_first_preference_for_what_is_returned_also_in_quotes) {
  for (auto const& [value, wants] :
       {std::pair("return=representation", true), std::pair("wait=1, Return=\"representation\"; x", true),
        std::pair("return=minimal, return=representation", false), std::pair("return=representation2", false)})
    EXPECT_EQ(parsed(request("PUT", "Prefer: "s + value + "\r\n"))->prefers_representation, wants) << value;
}

// --- bodies --------------------------------------------------------------------------------------------------------

TEST(request_parser, takes_a_body_cut_at_every_place_and_leaves_the_next_request) {
  auto const next = request("GET");
  for (auto const& [fields, wire] :
       {std::pair("Content-Length: 5\r\n"s, "hello"s),
        std::pair("Transfer-Encoding: chunked\r\n"s, "2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n"s)}) {
    auto const head = request("PUT", fields);
    auto const bytes = wire + next;
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      request_parser parser(body_bytes_max);
      ASSERT_TRUE(parser.parse_head(head));
      std::string body;
      auto const first = parser.parse_body(std::string_view(bytes).substr(0, cut), body);
      ASSERT_TRUE(first) << detail_of(first);
      EXPECT_EQ(*first, std::min(cut, wire.size()));
      EXPECT_EQ(parser.done(), cut >= wire.size()) << cut;
      if (!parser.done()) {
        auto const second = parser.parse_body(std::string_view(bytes).substr(*first), body);
        ASSERT_TRUE(second) << detail_of(second);
        EXPECT_EQ(*first + *second, wire.size());
      }
      EXPECT_TRUE(parser.done());
      EXPECT_EQ(body, "hello");
    }
  }
}

// A body whose first piece was small grew by doubling, up to twice its length: a server with room for one more body
// answered 503, depending on how the bytes arrived.
TEST(request_parser, takes_no_more_memory_for_a_body_than_its_length) {
  for (std::size_t const length : {40'000, 1'048'576, 3'000'000})
    for (std::size_t const piece_bytes : {1'000, 20'000, 65'536, 1'000'000}) {
      request_parser parser(body_bytes_max);
      auto const head = request("PUT", "Content-Length: " + std::to_string(length) + "\r\n");
      ASSERT_TRUE(parser.parse_head(head));
      std::string body;
      std::string const piece(piece_bytes, 'x');
      while (!parser.done()) {
        ASSERT_TRUE(parser.parse_body(piece, body));
        EXPECT_LE(body.capacity(), std::max<std::size_t>(length, 64 * 1024)) << length << " in " << piece_bytes;
      }
      EXPECT_EQ(body.size(), length);
    }
}

TEST(request_parser, uses_nothing_once_it_is_done) {
  request_parser parser(body_bytes_max);
  auto const head = request("GET");
  ASSERT_TRUE(parser.parse_head(head));
  std::string body;
  EXPECT_EQ(*parser.parse_body("GET /", body), 0U);
  EXPECT_TRUE(body.empty());
  EXPECT_TRUE(parser.done());
}

TEST(request_parser, takes_a_body_of_exactly_the_limit) {
  request_parser parser(5);
  EXPECT_TRUE(parser.parse_head(request("PUT", "Content-Length: 5\r\n")));
  EXPECT_TRUE(parser.check_length());
  EXPECT_TRUE(parser.parse_head(request("PUT", "Content-Length: 6\r\n")));
  auto const too_large = parser.check_length();
  EXPECT_EQ(code_of(too_large), "body_too_large");
  EXPECT_NE(detail_of(too_large).find(" 5 bytes"), std::string::npos);

  for (auto const& [wire, code] :
       {std::pair("5\r\nhello\r\n0\r\n\r\n", "ok"), std::pair("6\r\nhello!\r\n0\r\n\r\n", "body_too_large")}) {
    auto const head = request("PUT", "Transfer-Encoding: chunked\r\n");
    ASSERT_TRUE(parser.parse_head(head));
    std::string body;
    EXPECT_EQ(code_of(parser.parse_body(wire, body)), code);
  }
}

TEST(request_parser, forgets_the_request_before) {
  request_parser parser(body_bytes_max);
  auto const first =
      "PUT /a HTTP/1.0\r\nContent-Length: 5\r\nIf-None-Match: *\r\nIf-Match: *\r\nExpect: x\r\nContent-Encoding: gzip\r\nContent-Range: a\r\n\r\n"s;
  ASSERT_TRUE(parser.parse_head(first));
  EXPECT_FALSE(parser.done());
  auto const second = request("GET");
  auto const head = parser.parse_head(second);
  ASSERT_TRUE(head);
  EXPECT_TRUE(parser.done());
  EXPECT_TRUE((*head)->http11 && (*head)->keep_alive);
  EXPECT_FALSE((*head)->has_body || (*head)->if_none_match || (*head)->has_if_unmodified_since ||
               (*head)->has_other_expectation || (*head)->has_content_range);
  EXPECT_TRUE((*head)->content_encoding.empty());
  auto const third = request("PUT", "Transfer-Encoding: chunked\r\n");
  ASSERT_TRUE(parser.parse_head(third));
  auto const fourth = request("PUT", "Content-Length: 2\r\n");
  ASSERT_TRUE(parser.parse_head(fourth));
  std::string body;
  EXPECT_EQ(*parser.parse_body("0\r\n", body), 2U);
  EXPECT_EQ(body, "0\r");
}

TEST(request_parser, is_not_done_before_the_first_head_and_after_a_refused_one) {
  request_parser parser(body_bytes_max);
  EXPECT_FALSE(parser.done());
  EXPECT_FALSE(parser.parse_head("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_FALSE(parser.done());
}

TEST(request_parser, keeps_its_state_when_it_is_moved) {
  request_parser parser(body_bytes_max);
  auto const block = request("PUT", "Content-Length: 5\r\n");
  auto const head = parser.parse_head(block);
  ASSERT_TRUE(head);
  std::string body;
  ASSERT_TRUE(parser.parse_body("he", body));
  auto moved = std::move(parser);
  ASSERT_TRUE(moved.parse_body("llo", body));
  EXPECT_TRUE(moved.done());
  EXPECT_EQ(body, "hello");
  EXPECT_EQ((*head)->method_text, "PUT");
}

}  // namespace
}  // namespace holdfast::server
