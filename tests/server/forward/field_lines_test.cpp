#include "server/forward/field_lines.hpp"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

std::string passed(std::string_view lines) {
  std::string to = "before";
  append_end_to_end(to, lines);
  return to;
}

TEST(field_lines, those_of_the_message_stay_as_they_are) {
  EXPECT_EQ(passed("Host: a:1\r\nX-Odd:   two  words \r\ncontent-length: 5\r\nIf-Match: \"a, b\"\r\n"),
            "beforeHost: a:1\r\nX-Odd:   two  words \r\ncontent-length: 5\r\nIf-Match: \"a, b\"\r\n");
}

TEST(field_lines, those_of_the_connection_are_left_out) {
  EXPECT_EQ(passed("Connection: keep-alive\r\nKeep-Alive: 5\r\nTE: trailers\r\nTrailer: x\r\nUPGRADE: h2c\r\n"
                   "Transfer-Encoding: chunked\r\nProxy-Connection: close\r\nExpect: 100-Continue\r\nEtag: 1\r\n"),
            "beforeEtag: 1\r\n");
}

TEST(field_lines, what_connection_names_is_left_out_wherever_it_is) {
  EXPECT_EQ(passed("x-one: 1\r\nConnection: close, X-One ,, x-two\r\nX-Two: 2\r\nX-Three: 3\r\n"),
            "beforeX-Three: 3\r\n");
}

// Who removes the length but passes the body on lets a client put a second request into the body of its first.
TEST(field_lines, the_length_stays_if_connection_names_it) {
  EXPECT_EQ(passed("Connection: content-length, host\r\nHost: a\r\nContent-Length: 5\r\n"),
            "beforeHost: a\r\nContent-Length: 5\r\n");
}

// A client must not choose the address that the leader takes for its own.
TEST(field_lines, the_address_of_a_client_comes_from_its_connection) {
  EXPECT_EQ(passed("holdfast-forwarded-FOR: guess 10.0.0.1:1\r\nEtag: 1\r\n"), "beforeEtag: 1\r\n");
}

TEST(field_lines, other_expectations_stay) {
  EXPECT_EQ(passed("Expect: tea\r\n"), "beforeExpect: tea\r\n");
}

TEST(field_lines, tell_the_framing) {
  std::string to;
  auto const plain = append_end_to_end(to, "Content-Length:  12 \r\n");
  EXPECT_EQ(plain.content_length, "12");
  EXPECT_FALSE(plain.is_chunked || plain.closes || plain.is_forwarded);
  auto const other = append_end_to_end(
      to, "connection: a, CLOSE\r\ntransfer-encoding: chunked\r\nHoldfast-Forwarded-By: http://a\r\n");
  EXPECT_TRUE(other.is_chunked && other.closes && other.is_forwarded);
  EXPECT_EQ(other.content_length, "");
  EXPECT_FALSE(other.has_host);
  EXPECT_TRUE(append_end_to_end(to, "host:\r\n").has_host);
}

}  // namespace
}  // namespace holdfast::server
