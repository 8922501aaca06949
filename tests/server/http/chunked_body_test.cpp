#include "server/http/chunked_body.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/protocol/code_of.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

using namespace std::literals;
using testing::HasSubstr;

constexpr std::uint64_t content_bytes_max = 1000;

struct decoded {
  std::string verdict;  ///< an error code, "ok" or "unfinished"
  std::string content;
  std::size_t used = 0;

  bool operator==(decoded const&) const = default;
};

std::ostream& operator<<(std::ostream& out, decoded const& what) {
  return out << what.verdict << ' ' << testing::PrintToString(what.content) << " after " << what.used;
}

/// Decodes `bytes` in pieces of `piece` bytes, after a first piece of `first`.
decoded decode(std::string_view bytes, std::size_t first, std::size_t piece, std::uint64_t limit = content_bytes_max) {
  chunked_body body(limit);
  decoded answer{"unfinished", {}, 0};
  for (auto size = first; !body.done() && answer.used < bytes.size(); size = piece) {
    auto const given = bytes.substr(answer.used, size);
    auto const used = body.decode(given, answer.content);
    if (!used) return {std::string(code_of(used)), {}, 0};
    answer.used += *used;
    EXPECT_TRUE(*used == given.size() || body.done()) << "bytes are left though the body goes on";
  }
  if (body.done()) answer.verdict = "ok";
  return answer;
}

/// The same in one piece, byte by byte, and divided in two at each place; all must agree.
decoded decode_each_way(std::string_view bytes, std::uint64_t limit = content_bytes_max) {
  auto const whole = decode(bytes, bytes.size(), bytes.size(), limit);
  EXPECT_EQ(decode(bytes, 1, 1, limit), whole) << testing::PrintToString(bytes);
  if (bytes.size() < 200) {
    for (std::size_t cut = 1; cut < bytes.size(); ++cut)
      EXPECT_EQ(decode(bytes, cut, bytes.size(), limit), whole) << testing::PrintToString(bytes) << " cut at " << cut;
  }
  return whole;
}

void expect_content(std::string_view bytes, std::string_view content) {
  EXPECT_EQ(decode_each_way(bytes), (decoded{"ok", std::string(content), bytes.size()}))
      << testing::PrintToString(bytes);
}

void expect_refused(std::string_view bytes, std::string_view code = "bad_request") {
  EXPECT_EQ(decode_each_way(bytes).verdict, code) << testing::PrintToString(bytes);
}

TEST(chunked_body, joins_its_chunks) {
  expect_content("5\r\nhello\r\n0\r\n\r\n", "hello");
  expect_content("1\r\na\r\n2\r\nbc\r\nA\r\n0123456789\r\n0\r\n\r\n", "abc0123456789");
  expect_content("00a\r\n0123456789\r\n000\r\n\r\n", "0123456789");
}

// Beast failed an assertion here when the body came in two pieces.
TEST(chunked_body, may_be_empty) {
  expect_content("0\r\n\r\n", "");
}

TEST(chunked_body, its_data_may_look_like_framing) {
  expect_content("7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n\r\n");
  expect_content("4\r\n\0\n\r\x7F\r\n0\r\n\r\n"sv, "\0\n\r\x7F"sv);
}

TEST(chunked_body, leaves_what_stands_behind_it) {
  auto const body = "1\r\na\r\n0\r\n\r\n"s;
  EXPECT_EQ(decode_each_way(body + "GET / HTTP/1.1\r\n\r\n"), (decoded{"ok", "a", body.size()}));
}

TEST(chunked_body, is_not_done_before_its_last_byte) {
  constexpr auto body = "1;x=\"y\"\r\na\r\n0\r\nA: b\r\n\r\n"sv;
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_EQ(decode(body.substr(0, size), 1, 1).verdict, "unfinished") << size;
}

TEST(chunked_body, drops_extensions_and_trailers) {
  expect_content("1;a\r\nx\r\n0;b=c\r\n\r\n", "x");
  expect_content("1 ; a = \"q;\\\"\t\xFF\" ;b=c\r\nx\r\n0\r\n\r\n", "x");
  expect_content("1\r\nx\r\n0\r\nA: b\r\nC:\r\nContent-Length: 7\r\n\r\n", "x");
}

TEST(chunked_body, refuses_sizes_that_are_no_hexadecimal_numbers) {
  for (auto const* size : {"", " 1", "1 ", "+1", "-1", "0x1", "g", "1g", "1.", "1,1", "\t1", "1\t", ";a", "٣"})
    expect_refused(std::string(size) + "\r\nx\r\n0\r\n\r\n");
}

TEST(chunked_body, refuses_sizes_beyond_64_bits_instead_of_wrapping_around) {
  expect_refused("10000000000000001\r\nx\r\n0\r\n\r\n");
  expect_refused("100000000000000000000000000000001\r\nx\r\n0\r\n\r\n");
  expect_refused("FFFFFFFFFFFFFFFF\r\nx", "body_too_large");
  expect_content("0000000000000000000000000001\r\nx\r\n0\r\n\r\n", "x");
}

TEST(chunked_body, refuses_malformed_extensions) {
  for (auto const* extension : {";", ";;", "; ", ";a=", ";a= ", ";=b", "x", ";a b", ";a=\"", ";a=\"b", ";a=\"b\\\"",
                                ";a=\"b\"c", ";a ", ";a=b ", ";a=b,c", ";(a)"})
    expect_refused("1" + std::string(extension) + "\r\nx\r\n0\r\n\r\n");
}

TEST(chunked_body, refuses_a_line_end_other_than_crlf_within_an_extension) {
  expect_refused("1;a\nb\r\nx\r\n0\r\n\r\n");
  expect_refused("1;a=\"\n\"\r\nx\r\n0\r\n\r\n");
  expect_refused("1;a=\"\r\"\r\nx\r\n0\r\n\r\n");
  expect_refused("1;a=\"\\\n\"\r\nx\r\n0\r\n\r\n");
}

// Beast searched for the closing quote beyond the line's end, and counted the chunk again with each piece.
TEST(chunked_body, a_quote_does_not_reach_over_the_end_of_its_line) {
  expect_refused("6;a=\"\r\nhello!\r\n0\r\n\r\n");
  expect_refused("6;a=\"\r\n\";b=\r\nhello!\r\n0\r\n\r\n");
}

TEST(chunked_body, refuses_bare_line_ends_and_control_characters) {
  for (auto const body :
       {"1\nx\r\n0\r\n\r\n"sv, "1\rx\r\n0\r\n\r\n"sv, "1\r\nx\n0\r\n\r\n"sv, "1\r\nx\r0\r\n\r\n"sv,
        "1\r\nx\r\n0\n\r\n"sv, "0\r\n\n"sv, "0\r\n\rx"sv, "0\r\nA: b\n\r\n"sv, "0\r\nA: b\rc\r\n\r\n"sv,
        "0\r\nA: \0\r\n\r\n"sv, "0\r\nA: \x7F\r\n\r\n"sv, "1;\0\r\nx\r\n0\r\n\r\n"sv, "\0"sv})
    expect_refused(body);
}

TEST(chunked_body, refuses_data_that_is_longer_or_shorter_than_its_size) {
  expect_refused("1\r\nxy\r\n0\r\n\r\n");
  expect_refused("3\r\nx\r\n0\r\n\r\n");
  expect_refused("1\r\nx0\r\n\r\n");
}

TEST(chunked_body, refuses_malformed_trailers) {
  for (auto const* trailer : {"A", "A : b", ": b", " A: b", "A b: c", "A\t: b", "(A): b", "\xFF: b"})
    expect_refused("0\r\n" + std::string(trailer) + "\r\n\r\n");
}

// Beast unfolds these lines.
TEST(chunked_body, refuses_folded_trailers) {
  expect_refused("0\r\nA: b\r\n c\r\n\r\n");
  expect_refused("0\r\nA: b\r\n\tc\r\n\r\n");
  expect_refused("0\r\nA:\r\n c\r\n\r\n");
  expect_refused("0\r\nA:\r\n \r\n\r\n");
}

TEST(chunked_body, takes_content_of_exactly_the_limit) {
  EXPECT_EQ(decode_each_way("5\r\nhello\r\n0\r\n\r\n", 5).verdict, "ok");
  EXPECT_EQ(decode_each_way("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 5).verdict, "ok");
  EXPECT_EQ(decode_each_way("5\r\nhello\r\n0\r\n\r\n", 4).verdict, "body_too_large");
  EXPECT_EQ(decode_each_way("2\r\nhe\r\n3\r\nllo\r\n1\r\n!\r\n0\r\n\r\n", 5).verdict, "body_too_large");
  EXPECT_EQ(decode_each_way("0\r\n\r\n", 0).verdict, "ok");
}

TEST(chunked_body, refuses_a_chunk_that_is_too_large_before_its_data_come) {
  EXPECT_EQ(decode_each_way("3E9\r\n").verdict, "body_too_large");
  EXPECT_EQ(decode_each_way("3E8\r\n").verdict, "unfinished");
}

TEST(chunked_body, says_the_limit_that_was_set) {
  chunked_body body(4);
  std::string content;
  EXPECT_THAT(detail_of(body.decode("5\r\n", content)), HasSubstr(" 4 bytes"));
}

TEST(chunked_body, limits_what_is_not_content_over_the_whole_body) {
  std::string const kilobyte(1000, 'a');
  std::string extensions, trailers;
  for (int i = 0; i < 8; ++i) {
    extensions += "1;" + kilobyte + "\r\nx\r\n";
    trailers += "A:" + kilobyte + "\r\n";
  }
  EXPECT_EQ(decode_each_way(extensions + "0\r\n\r\n").verdict, "ok");
  EXPECT_EQ(decode_each_way("0\r\n" + trailers + "\r\n").verdict, "ok");
  EXPECT_EQ(decode_each_way(extensions + "0\r\n" + trailers + "\r\n").verdict, "header_too_large");
  EXPECT_EQ(decode_each_way(extensions + extensions + "0\r\n\r\n").verdict, "header_too_large");
  EXPECT_EQ(decode_each_way(std::string(10'000, '0')).verdict, "header_too_large");
  EXPECT_EQ(decode_each_way("0\r\n" + std::string(10'000, 'a')).verdict, "header_too_large");
}

TEST(chunked_body, many_small_chunks_are_within_the_limit) {
  std::string body;
  for (int i = 0; i < 1000; ++i) body += "1\r\nx\r\n";
  expect_content(body + "0\r\n\r\n", std::string(1000, 'x'));
}

TEST(chunked_body, appends_to_what_is_there) {
  chunked_body body(content_bytes_max);
  std::string content = "before ";
  ASSERT_TRUE(body.decode("1\r\nx\r\n0\r\n\r\n", content));
  EXPECT_EQ(content, "before x");
}

}  // namespace
}  // namespace holdfast::server
