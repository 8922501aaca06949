#include "server/http/http_date.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <string>

namespace holdfast::server {
namespace {

TEST(http_date, is_the_present_second_in_the_fixed_format) {
  auto const before = std::time(nullptr);
  auto const now = http_date_now();
  std::string const text(now.begin(), now.end());
  auto const after = std::time(nullptr);

  ASSERT_EQ(text.size(), 29U) << text;
  std::tm utc{};
  auto const* const end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  ASSERT_TRUE(end != nullptr && *end == '\0') << text;
  auto const weekday = utc.tm_wday;
  auto const told = timegm(&utc);
  EXPECT_GE(told, before);
  EXPECT_LE(told, after);
  EXPECT_EQ(utc.tm_wday, weekday) << "the weekday does not belong to the date: " << text;
}

}  // namespace
}  // namespace holdfast::server
