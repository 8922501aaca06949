#include "server/http/head_scanner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/protocol/code_of.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

using namespace std::literals;
using testing::HasSubstr;

constexpr std::size_t bytes_max = 8192;

result<std::size_t> scan_whole(std::string_view text, std::size_t limit = bytes_max) {
  return head_scanner().scan(text, limit);
}

/// Feeds one more byte each time, like a slow client, until there is a result.
result<std::size_t> scan_slowly(std::string_view text, std::size_t limit = bytes_max) {
  head_scanner scanner;
  for (std::size_t arrived = 1; arrived < text.size(); ++arrived) {
    auto verdict = scanner.scan(text.substr(0, arrived), limit);
    if (!verdict || *verdict != 0) return verdict;
  }
  return scanner.scan(text, limit);
}

/// The code of the result, which must not depend on how the bytes arrive.
std::string_view verdict_on(std::string_view text, std::size_t limit = bytes_max) {
  auto const whole = scan_whole(text, limit), slow = scan_slowly(text, limit);
  EXPECT_EQ(code_of(whole), code_of(slow)) << testing::PrintToString(text);
  if (whole && slow) {
    EXPECT_EQ(*whole, *slow) << testing::PrintToString(text);
  }
  return code_of(whole);
}

std::string verdict_detail(std::string_view text) {
  return detail_of(scan_whole(text));
}

TEST(head_scanner, measures_the_header_with_its_empty_line) {
  constexpr auto head = "GET / HTTP/1.1\r\nHost: a\r\nX:\t b \xFF\r\n\r\n"sv;
  EXPECT_EQ(verdict_on(head), "ok");
  EXPECT_EQ(*scan_whole(head), head.size());
  EXPECT_EQ(*scan_slowly(head), head.size());
}

TEST(head_scanner, looks_at_nothing_behind_the_header) {
  constexpr auto head = "GET / HTTP/1.0\r\n\r\n"sv;
  auto const text = std::string(head) + "\n\0\r\rGET"s;
  EXPECT_EQ(verdict_on(text), "ok");
  EXPECT_EQ(*scan_whole(text), head.size());
}

TEST(head_scanner, says_zero_until_the_empty_line_is_there) {
  constexpr auto head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv;
  for (std::size_t arrived = 0; arrived < head.size(); ++arrived) {
    auto const verdict = scan_whole(head.substr(0, arrived));
    ASSERT_TRUE(verdict) << arrived;
    EXPECT_EQ(*verdict, 0U) << arrived;
  }
}

TEST(head_scanner, gives_the_same_verdict_when_asked_again_without_news) {
  head_scanner scanner;
  for (auto const* text : {"GET", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA: b\r\n\r"})
    for (int i = 0; i < 2; ++i) EXPECT_EQ(*scanner.scan(text, bytes_max), 0U) << text;
}

TEST(head_scanner, starts_over_after_a_reset) {
  head_scanner scanner;
  constexpr auto head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv;
  EXPECT_EQ(*scanner.scan(head, bytes_max), head.size());
  scanner.reset();
  EXPECT_EQ(code_of(scanner.scan("nonsense\r\n", bytes_max)), "bad_request");
  scanner.reset();
  EXPECT_EQ(*scanner.scan(head, bytes_max), head.size());
}

TEST(head_scanner, refuses_a_bare_lf_as_soon_as_it_comes) {
  for (auto const text :
       {"\n"sv, "GET / HTTP/1.1\n"sv, "GET / HTTP/1.1\r\nHost: a\n"sv, "GET / HTTP/1.1\r\nHost: a\r\n\n"sv}) {
    EXPECT_EQ(verdict_on(text), "bad_request") << testing::PrintToString(text);
    EXPECT_THAT(verdict_detail(text), HasSubstr("LF"));
  }
}

TEST(head_scanner, refuses_a_cr_that_no_lf_follows) {
  for (auto const text : {"\rG"sv, "GET / HTTP/1.1\rX"sv, "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n"sv,
                          "GET / HTTP/1.1\r\r\n"sv, "GET / HTTP/1.1\r\n\r\r\n"sv})
    EXPECT_EQ(verdict_on(text), "bad_request") << testing::PrintToString(text);
}

TEST(head_scanner, refuses_each_control_character_but_a_tab) {
  for (int byte = 0; byte < 256; ++byte) {
    auto const c = static_cast<char>(byte);
    if (c == '\r' || c == '\n') continue;
    auto const expected = (byte < 0x20 && c != '\t') || byte == 0x7F ? "bad_request" : "ok";
    EXPECT_EQ(verdict_on("GET / HTTP/1.1\r\nA: b"s + c + "c\r\n\r\n"), expected) << byte;
  }
}

TEST(head_scanner, says_where_the_control_character_is) {
  EXPECT_THAT(verdict_detail("GET /\0 HTTP/1.1\r\n"sv), HasSubstr("byte 5"));
}

TEST(head_scanner, knows_a_tls_hello_by_its_first_byte) {
  constexpr auto hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"sv;
  EXPECT_EQ(verdict_on(hello), "bad_request");
  EXPECT_EQ(code_of(scan_whole(hello.substr(0, 1))), "bad_request");
  EXPECT_THAT(verdict_detail(hello), HasSubstr("TLS"));
  EXPECT_THAT(verdict_detail("GET /\x16 HTTP/1.1\r\n"), testing::Not(HasSubstr("TLS")));
}

TEST(head_scanner, refuses_folded_lines) {
  for (auto const text : {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"sv, "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n"sv,
                          "GET / HTTP/1.1\r\n Host: a\r\n\r\n"sv, "GET / HTTP/1.1\r\nA:\r\n \r\n\r\n"sv,
                          "GET / HTTP/1.1\r\nA: b\r\n \r\n"sv})
    EXPECT_EQ(verdict_on(text), "bad_request") << testing::PrintToString(text);
}

TEST(head_scanner, refuses_versions_that_are_well_formed_but_not_ours) {
  for (auto const* version : {"HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0", "HTTP/9.9"})
    EXPECT_EQ(verdict_on("GET / "s + version + "\r\nHost: a\r\n\r\n"), "unsupported_version") << version;
  EXPECT_EQ(verdict_on("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "unsupported_version");
}

TEST(head_scanner, refuses_a_first_line_that_does_not_end_in_a_version) {
  for (auto const* line : {"GET /", "GET", "GET / ", "GET / HTTP/1.1 ", "GET / http/1.1", "GET / HTTP/1",
                           "GET / HTTP/1.10", "GET / HTTP/11", "GET / HTTP/1,1", "GET / HTTPS/1.1", "GET /HTTP/1.1",
                           "GET /\tHTTP/1.1", "HTTP/1.1", "GET / HTTP/x.1"})
    EXPECT_EQ(verdict_on(std::string(line) + "\r\n\r\n"), "bad_request") << line;
}

TEST(head_scanner, judges_the_first_line_before_the_rest_has_come) {
  EXPECT_EQ(verdict_on("GET / HTTP/2.0\r\n"), "unsupported_version");
  EXPECT_EQ(verdict_on("GET /\r\n"), "bad_request");
}

TEST(head_scanner, an_empty_line_is_no_request_line) {
  EXPECT_EQ(verdict_on("\r\n"), "bad_request");
  EXPECT_EQ(verdict_on("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), "bad_request");
  EXPECT_EQ(*scan_whole("\r"), 0U);
}

// The caller removes an empty line once it is complete; by then its CR has been examined.
TEST(head_scanner, goes_on_after_the_caller_has_skipped_an_empty_line) {
  head_scanner scanner;
  EXPECT_EQ(*scanner.scan("\r", bytes_max), 0U);
  constexpr auto head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv;
  EXPECT_EQ(*scanner.scan(head, bytes_max), head.size());
}

TEST(head_scanner, takes_a_header_of_exactly_the_limit_and_not_one_byte_more) {
  auto const head = "GET / HTTP/1.1\r\nA: " + std::string(1000, 'b') + "\r\n\r\n";
  EXPECT_EQ(verdict_on(head, head.size()), "ok");
  EXPECT_EQ(verdict_on(head + "and a body", head.size()), "ok");
  for (std::size_t less = 1; less <= 6; ++less)
    EXPECT_EQ(verdict_on(head, head.size() - less), "header_too_large") << less;
}

TEST(head_scanner, waits_below_the_limit_and_refuses_at_it) {
  auto const start = "GET / HTTP/1.1\r\nA: "s;
  EXPECT_EQ(*scan_whole(start + std::string(100 - start.size() - 1, 'b'), 100), 0U);
  EXPECT_EQ(verdict_on(start + std::string(100 - start.size(), 'b'), 100), "header_too_large");
}

TEST(head_scanner, a_request_line_that_fills_the_limit_is_a_uri_too_long) {
  EXPECT_EQ(verdict_on("GET /" + std::string(100, 'a'), 100), "uri_too_long");
  EXPECT_EQ(verdict_on("GET /" + std::string(100, 'a') + " HTTP/1.1\r\n\r\n", 100), "uri_too_long");
  // The line's own end is the last byte that counts.
  auto const line = "GET /" + std::string(84, 'a') + " HTTP/1.1\r\n";
  ASSERT_EQ(line.size(), 100U);
  EXPECT_EQ(verdict_on(line + "\r\n", 100), "header_too_large");
  EXPECT_EQ(verdict_on(line + "\r\n", 99), "uri_too_long");
}

}  // namespace
}  // namespace holdfast::server
