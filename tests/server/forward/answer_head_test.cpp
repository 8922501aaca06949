#include "server/forward/answer_head.hpp"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

TEST(answer_head, tells_what_follows_and_passes_the_rest) {
  std::string passed;
  auto const head =
      read_answer_head("HTTP/1.1 201 Created\r\nETag: \"a\"\r\nContent-Length: 7\r\nConnection: close\r\n\r\n", passed);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 201U);
  EXPECT_EQ(head->content_bytes, 7U);
  EXPECT_TRUE(head->closes);
  EXPECT_FALSE(head->is_chunked);
  EXPECT_EQ(passed, "HTTP/1.1 201 Created\r\nETag: \"a\"\r\nContent-Length: 7\r\n");
}

TEST(answer_head, without_fields_is_one_too) {
  std::string passed;
  auto const head = read_answer_head("HTTP/1.1 204 No Content\r\n\r\n", passed);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 204U);
  EXPECT_EQ(passed, "HTTP/1.1 204 No Content\r\n");
}

TEST(answer_head, what_is_malformed_is_none) {
  for (auto const* const text :
       {"HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 2\r\n\r\n", "HTTP/1.1 20x OK\r\n\r\n", "HTTP/1.1 -20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "SSH-2.0\r\n\r\n", "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    std::string passed;
    EXPECT_FALSE(read_answer_head(text, passed)) << text;
  }
}

}  // namespace
}  // namespace holdfast::server
