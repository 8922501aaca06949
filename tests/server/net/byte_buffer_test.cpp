#include "server/net/byte_buffer.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace holdfast::server {
namespace {

void append(byte_buffer& buffer, std::string_view bytes) {
  auto const room = buffer.prepare(bytes.size());
  ASSERT_GE(room.size(), bytes.size());
  std::memcpy(room.data(), bytes.data(), bytes.size());
  buffer.commit(bytes.size());
}

TEST(byte_buffer, keeps_bytes_in_order_while_they_come_and_go) {
  byte_buffer buffer;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    auto const piece = std::to_string(i) + std::string(static_cast<std::size_t>(i % 37), 'x');
    append(buffer, piece);
    expected += piece;
    auto const used = expected.size() / 3;
    buffer.consume(used);
    expected.erase(0, used);
    ASSERT_EQ(buffer.view(), expected);
  }
}

TEST(byte_buffer, uses_the_room_in_front_before_it_grows) {
  byte_buffer buffer;
  append(buffer, std::string(1000, 'a'));
  auto const capacity = buffer.capacity();
  for (int i = 0; i < 100; ++i) {
    buffer.consume(500);
    append(buffer, std::string(500, 'b'));
  }
  EXPECT_EQ(buffer.capacity(), capacity);
}

TEST(byte_buffer, keeps_no_memory_after_release) {
  byte_buffer buffer;
  append(buffer, "abc");
  buffer.consume(3);
  buffer.release();
  EXPECT_EQ(buffer.capacity(), 0U);
  append(buffer, "def");
  EXPECT_EQ(buffer.view(), "def");
}

}  // namespace
}  // namespace holdfast::server
