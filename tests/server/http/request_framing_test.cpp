// Framing that RFC 9112 §6 and §7 forbid and Beast 1.81 accepts, each with its error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/http/request_parser.hpp"
#include "tests/protocol/code_of.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

using namespace std::literals;
using testing::HasSubstr;

failure refusal_of(std::string_view block) {
  request_parser parser(1000);
  auto const head = parser.parse_head(block);
  if (!head) return head.error();
  auto const fits = parser.check_length();
  EXPECT_FALSE(fits) << block;
  return fits ? failure{errc::internal, "it was accepted"} : fits.error();
}

std::string_view refusal_code(std::string_view block) {
  return traits_of(refusal_of(block).code).code;
}

std::string put(std::string_view fields) {
  return "PUT /a HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n";
}

void expect_bad(std::string_view fields, std::string_view advice) {
  auto const refused = refusal_of(put(fields));
  EXPECT_EQ(traits_of(refused.code).code, "bad_request") << fields;
  EXPECT_THAT(refused.detail, HasSubstr(advice)) << fields;
}

TEST(framing, an_unknown_transfer_coding_is_not_implemented) {
  for (auto const* value : {
           "xchunked",
           "gzip",
           "identity",
           "chunkedx",
           "gzip, chunked",
           "gzip;q=\"chunked\"",
           "gzip, deflate",
           "x chunked",
       })
    EXPECT_EQ(refusal_code(put("Transfer-Encoding: " + std::string(value) + "\r\n")), "unknown_transfer_coding")
        << value;
}

TEST(framing, chunked_must_come_last_and_once) {
  for (auto const* value :
       {"chunked, gzip", "chunked, identity", "chunked, chunked", "chunked,gzip,chunked", "Chunked, Gzip"})
    expect_bad("Transfer-Encoding: " + std::string(value) + "\r\n", "last");
}

TEST(framing, chunked_has_no_parameters_and_no_decoration) {
  for (auto const* value : {"chunked;a=b", "chunked,", ",chunked", "chunked;", "chunked x", "\"chunked\"", ""})
    EXPECT_EQ(refusal_code(put("Transfer-Encoding: " + std::string(value) + "\r\n")), "bad_request") << value;
}

TEST(framing, a_second_transfer_encoding_is_refused) {
  expect_bad("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding");
  expect_bad("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "Transfer-Encoding");
  EXPECT_EQ(refusal_code(put("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n")),
            "unknown_transfer_coding");
}

TEST(framing, transfer_encoding_beside_content_length_is_refused_in_both_orders) {
  expect_bad("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Transfer-Encoding");
  expect_bad("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length");
  expect_bad("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "Content-Length");
  EXPECT_EQ(refusal_code(put("Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n")), "unknown_transfer_coding");
  EXPECT_EQ(refusal_code(put("Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n")), "bad_request");
}

TEST(framing, http10_has_no_transfer_encoding) {
  auto const refused = refusal_of("PUT /a HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(refused.code, errc::bad_request);
  EXPECT_THAT(refused.detail, HasSubstr("HTTP/1.0"));
}

TEST(framing, content_length_is_one_decimal_number) {
  for (auto const* value : {"", "+5", "-5", "5, 5", "5,5", "5,", ",5", "5 5", "0x5", "5.0", "5e1", "five", "5;a",
                            "\"5\"", "18446744073709551616", "99999999999999999999999999"})
    expect_bad("Content-Length: " + std::string(value) + "\r\n", "Content-Length must be one decimal number");
}

TEST(framing, a_second_content_length_is_refused_even_when_it_agrees) {
  expect_bad("Content-Length: 5\r\nContent-Length: 5\r\n", "once");
  expect_bad("Content-Length: 5\r\nContent-Length: 6\r\n", "once");
  expect_bad("Content-Length: 0\r\ncontent-length: 0\r\n", "once");
}

TEST(framing, the_largest_content_length_is_too_large_and_not_malformed) {
  EXPECT_EQ(refusal_code(put("Content-Length: 18446744073709551615\r\n")), "body_too_large");
}

TEST(framing, http11_needs_one_host) {
  EXPECT_EQ(refusal_code("GET / HTTP/1.1\r\n\r\n"), "bad_request");
  EXPECT_THAT(refusal_of("GET / HTTP/1.1\r\nX: y\r\n\r\n").detail, HasSubstr("Host field is missing"));
  EXPECT_THAT(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").detail, HasSubstr("two Host"));
  EXPECT_THAT(refusal_of("GET http://a/ HTTP/1.1\r\n\r\n").detail, HasSubstr("Host field is missing"));
}

TEST(framing, http10_needs_no_host_but_takes_no_two) {
  EXPECT_TRUE(request_parser(1000).parse_head("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(refusal_code("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), "bad_request");
}

TEST(framing, a_malformed_host_is_refused_in_either_version) {
  for (auto const* host : {"a b", "a/b", "user@host", "a, b", "a:b", "[::1", "[x]", "http://a", "a%zz", "\xFF", "a\\b"})
    for (auto const* version : {"1.0", "1.1"}) {
      auto const refused = refusal_of("GET / HTTP/" + std::string(version) + "\r\nHost: " + host + "\r\n\r\n");
      EXPECT_EQ(refused.code, errc::bad_request) << host;
      EXPECT_THAT(refused.detail, HasSubstr("Host")) << host;
    }
}

TEST(framing, no_space_before_the_colon_and_no_line_without_one) {
  for (auto const* line :
       {"X : y", "X\t: y", "X", "X y", ": y", "(X): y", "X\xC3\xA4: y", "\"X\": y", "Host : b", "X@Y: z"})
    expect_bad(std::string(line) + "\r\n", "NAME: VALUE");
}

TEST(framing, the_request_line_has_single_spaces) {
  for (auto const* line : {"GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1", "GET /a b HTTP/1.1",
                           "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET / HTTP/1.1 ", "G(T / HTTP/1.1",
                           "GET / HTTP/1.1 HTTP/1.1", "GET HTTP/1.1", "/ HTTP/1.1"})
    EXPECT_EQ(refusal_code(std::string(line) + "\r\nHost: a\r\n\r\n"), "bad_request") << line;
}

// head_scanner checks these first; without it, the parser must not see a different end.
TEST(framing, the_header_must_end_exactly_where_the_block_does) {
  auto const block = put("");
  EXPECT_EQ(refusal_code(block + "GET / HTTP/1.1\r\n\r\n"), "bad_request");
  EXPECT_EQ(refusal_code(put("Content-Length: 1\r\n") + "a"), "bad_request");
  for (std::size_t size = 0; size < block.size(); ++size)
    EXPECT_EQ(refusal_code(block.substr(0, size)), "bad_request") << size;
}

TEST(framing, a_connection_field_must_be_a_list_of_words) {
  expect_bad("Connection: a b\r\n", "Connection");
  expect_bad("Connection: \"close\"\r\n", "Connection");
}

TEST(framing, a_body_error_comes_through_the_parser) {
  for (auto const body : {"1;a=\"\n\"\r\nx\r\n0\r\n\r\n"sv, "10000000000000000\r\n"sv, "0\r\nA: b\r\n c\r\n\r\n"sv,
                          "1 \r\nx\r\n"sv, "1\r\nxx"sv}) {
    request_parser parser(1000);
    auto const head = put("Transfer-Encoding: chunked\r\n");
    ASSERT_TRUE(parser.parse_head(head));
    std::string content;
    EXPECT_EQ(code_of(parser.parse_body(body, content)), "bad_request") << testing::PrintToString(body);
    EXPECT_FALSE(parser.done());
  }
}

}  // namespace
}  // namespace holdfast::server
