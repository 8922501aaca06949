#include "protocol/request_id.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <sstream>
#include <string>

namespace holdfast::protocol {
namespace {

std::string spelled(request_id const& id) {
  std::ostringstream text;
  text << std::hex << id.start << '-' << std::dec << id.number;
  return text.str();
}

TEST(request_id, has_room_for_the_largest_numbers) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(to_string({most, most}), "ffffffffffffffff-18446744073709551615");
  EXPECT_EQ(to_string({0, 0}), "0-0");
}

// What was written last is kept, and only its last digit is changed where that is enough.
TEST(request_id, is_written_the_same_whatever_was_written_before) {
  for (auto const step : {1U, 2U, 3U, 7U, 9U, 10U, 11U, 64U})
    for (std::uint64_t number = 0; number < 2'500; number += step)
      ASSERT_EQ(to_string({0x9f3c, number}), spelled({0x9f3c, number})) << "steps of " << step;
  std::minstd_rand random(1);
  request_id id;
  for (int i = 0; i < 100'000; ++i) {
    if (random() % 16 == 0) id.start = random() % 3;
    id.number += random() % 24 - 8;  // at times less, and less than 0
    ASSERT_EQ(to_string(id), spelled(id));
  }
}

}  // namespace
}  // namespace holdfast::protocol
