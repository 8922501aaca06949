#include "client/answer_parser.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace holdfast::client {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t body_bytes_max = 1000;

constexpr std::string_view found =
    "HTTP/1.1 200 OK\r\n"
    "Date: Tue, 24 Nov 2026 03:14:11 GMT\r\n"
    "Content-Type: application/json\r\n"
    "ETag: \"3f-17\"\r\n"
    "Server-Timing: wait;dur=0.012, hold;dur=1000.104\r\n"
    "Content-Length: 7\r\n"
    "\r\n"
    "\"hello\"";

void expect_found(answer_message const& message) {
  EXPECT_EQ(message.status, 200U);
  EXPECT_TRUE(message.keep_alive);
  EXPECT_EQ(message.content, content_kind::json);
  EXPECT_EQ(message.etag, "\"3f-17\"");
  EXPECT_EQ(message.body, "\"hello\"");
  ASSERT_TRUE(message.timing);
  EXPECT_EQ(message.timing->wait, std::chrono::microseconds(12));
  EXPECT_EQ(message.timing->hold, std::chrono::microseconds(1'000'104));
}

/// What a wrong answer is refused with; empty when it is not.
std::string refusal_of(std::string_view bytes) {
  answer_parser parser(body_bytes_max);
  parser.start();
  auto const used = parser.feed(bytes);
  if (used) return {};
  EXPECT_EQ(used.error().kind, error_kind::bad_answer);
  return used.error().message;
}

TEST(answer_parser, reads_a_whole_answer_at_once) {
  answer_parser parser(body_bytes_max);
  parser.start();
  auto const used = parser.feed(found);
  ASSERT_TRUE(used);
  EXPECT_EQ(*used, found.size());
  ASSERT_TRUE(parser.done());
  expect_found(parser.message());
}

TEST(answer_parser, reads_an_answer_cut_at_any_byte) {
  answer_parser parser(body_bytes_max);
  for (std::size_t cut = 1; cut < found.size(); ++cut) {
    parser.start();
    EXPECT_FALSE(parser.begun());
    ASSERT_EQ(parser.feed(found.substr(0, cut)).value(), cut);
    EXPECT_TRUE(parser.begun());
    ASSERT_FALSE(parser.done()) << cut;
    ASSERT_EQ(parser.feed(found.substr(cut)).value(), found.size() - cut);
    ASSERT_TRUE(parser.done()) << cut;
    expect_found(parser.message());
  }
}

TEST(answer_parser, leaves_the_next_answer_alone) {
  auto const two = std::string(found) + std::string(found);
  answer_parser parser(body_bytes_max);
  parser.start();
  ASSERT_EQ(parser.feed(two).value(), found.size());
  parser.start();
  ASSERT_EQ(parser.feed(std::string_view(two).substr(found.size())).value(), found.size());
  expect_found(parser.message());
}

TEST(answer_parser, tells_how_much_was_used_when_an_answer_ends_within_a_later_piece) {
  auto const two = std::string(found) + "HTTP";
  answer_parser parser(body_bytes_max);
  parser.start();
  ASSERT_TRUE(parser.feed(two.substr(0, 30)));
  EXPECT_EQ(parser.feed(two.substr(30)).value(), found.size() - 30);
}

TEST(answer_parser, forgets_the_answer_before) {
  answer_parser parser(body_bytes_max);
  parser.start();
  ASSERT_TRUE(parser.feed(found));
  parser.start();
  ASSERT_TRUE(parser.feed("HTTP/1.1 204 No Content\r\n\r\n"));
  ASSERT_TRUE(parser.done());
  EXPECT_EQ(parser.message().status, 204U);
  EXPECT_EQ(parser.message().content, content_kind::none);
  EXPECT_FALSE(parser.message().timing);
  EXPECT_EQ(parser.message().etag, "");
  EXPECT_EQ(parser.message().body, "");
}

TEST(answer_parser, needs_no_content_after_204_and_304) {
  for (auto const* text : {"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n"}) {
    answer_parser parser(body_bytes_max);
    parser.start();
    ASSERT_TRUE(parser.feed(text));
    EXPECT_TRUE(parser.done());
  }
}

TEST(answer_parser, skips_interim_answers) {
  answer_parser parser(body_bytes_max);
  parser.start();
  auto const text =
      "HTTP/1.1 103 Early Hints\r\nETag: \"0-0\"\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + std::string(found);
  for (auto const byte : text) ASSERT_TRUE(parser.feed({&byte, 1}));
  ASSERT_TRUE(parser.done());
  expect_found(parser.message());
}

TEST(answer_parser, reads_chunks_cut_at_any_byte) {
  std::string const text =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;a=b\r\n\"he\r\n4\r\nllo\"\r\n0\r\nX-Trailer: 1\r\n\r\n";
  answer_parser parser(body_bytes_max);
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    parser.start();
    ASSERT_TRUE(parser.feed(text.substr(0, cut))) << cut;
    ASSERT_FALSE(parser.done()) << cut;
    ASSERT_TRUE(parser.feed(text.substr(cut))) << cut;
    ASSERT_TRUE(parser.done()) << cut;
    EXPECT_EQ(parser.message().body, "\"hello\"");
    EXPECT_EQ(parser.message().content, content_kind::json);
  }
}

TEST(answer_parser, tells_whether_the_connection_stays_open) {
  auto const kept = [](std::string const& text) {
    answer_parser parser(body_bytes_max);
    parser.start();
    EXPECT_TRUE(parser.feed(text));
    EXPECT_TRUE(parser.done());
    return parser.message().keep_alive;
  };
  EXPECT_TRUE(kept("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(kept("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(kept("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_TRUE(kept("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(answer_parser, notices_another_protocol_at_the_first_bytes) {
  EXPECT_THAT(refusal_of("SSH-2.0-OpenSSH_9.2\r\n"), HasSubstr("does not start"));
  EXPECT_THAT(refusal_of("-ERR unknown command\r\n"), HasSubstr("does not start"));
  EXPECT_THAT(refusal_of("\x15\x03\x01"), HasSubstr("does not start"));
}

TEST(answer_parser, refuses_what_is_malformed) {
  for (auto const* text : {
           "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.7 200 OK\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"a\r\n b\"\r\n\r\n",
           "HTTP/1.1 200 OK\r\nETag: a\x01\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
       }) {
    EXPECT_NE(refusal_of(text), "") << text;
  }
}

TEST(answer_parser, refuses_framing_that_two_readers_could_read_differently) {
  for (auto const* fields : {
           "Content-Length: 1\r\nContent-Length: 2",
           "Content-Length: 1\r\nContent-Length: 1",
           "Content-Length: 1, 1",
           "Content-Length: +1",
           "Content-Length: -1",
           "Content-Length: 0x1",
           "Content-Length: 99999999999999999999999",
           "Content-Length: ",
           "Content-Length: 1\r\nTransfer-Encoding: chunked",
           "Transfer-Encoding: chunked\r\nContent-Length: 1",
           "Transfer-Encoding: gzip, chunked",
           "Transfer-Encoding: chunked, gzip",
           "Transfer-Encoding: xchunked",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
       }) {
    EXPECT_NE(refusal_of("HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n\r\n"), "") << fields;
  }
  EXPECT_THAT(refusal_of("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), HasSubstr("HTTP/1.0"));
}

TEST(answer_parser, refuses_an_answer_that_could_be_cut_unnoticed) {
  EXPECT_THAT(refusal_of("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n1"), HasSubstr("no length"));
}

TEST(answer_parser, bounds_what_it_keeps) {
  EXPECT_THAT(refusal_of("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"), HasSubstr("larger than 1000 bytes"));
  EXPECT_THAT(refusal_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"), HasSubstr("larger"));
  auto const head = "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x');
  EXPECT_THAT(refusal_of(head), HasSubstr("64 KiB"));
  EXPECT_THAT(refusal_of(head + "\r\nContent-Length: 0\r\n\r\n"), HasSubstr("64 KiB"));
  EXPECT_NE(refusal_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(70'000, 'x')), "");
}

TEST(answer_parser, refuses_content_in_a_coding_that_was_not_asked_for) {
  EXPECT_THAT(refusal_of("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n"),
              HasSubstr("encoded"));
}

TEST(answer_parser, goes_without_a_timing_that_is_malformed) {
  answer_parser parser(body_bytes_max);
  parser.start();
  ASSERT_TRUE(parser.feed("HTTP/1.1 204 No Content\r\nServer-Timing: wait;dur=x, hold;dur=1\r\n\r\n"));
  EXPECT_FALSE(parser.message().timing);
}

}  // namespace
}  // namespace holdfast::client
