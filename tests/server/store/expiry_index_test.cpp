#include "server/store/expiry_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <tuple>

namespace holdfast::server {
namespace {

expiry_time at(int seconds) {
  return expiry_time(std::chrono::seconds(seconds));
}

TEST(an_expiry_index, tells_who_is_next) {
  expiry_index index;
  EXPECT_EQ(index.earliest(), no_expiry);
  std::string const a = "a", b = "b", c = "c";
  index.add(at(3), a);
  index.add(at(1), b);
  index.add(at(2), c);
  EXPECT_EQ(index.earliest(), at(1));
  EXPECT_EQ(index.earliest_key(), "b");
  index.remove(at(1), b);
  EXPECT_EQ(index.earliest_key(), "c");
  index.remove(at(3), a);
  index.remove(at(2), c);
  EXPECT_EQ(index.earliest(), no_expiry);
  EXPECT_EQ(index.size(), 0U);
}

TEST(an_expiry_index, keeps_keys_apart_that_expire_at_the_same_moment) {
  expiry_index index;
  std::string const a = "a", b = "b";
  index.add(at(1), a);
  index.add(at(1), b);
  index.remove(at(1), a);
  EXPECT_EQ(index.earliest_key(), "b");
}

TEST(an_expiry_index, tells_keys_of_every_length_and_with_every_byte) {
  for (std::size_t length : {1, 14, 15, 16, 17, 1024}) {
    expiry_index index;
    std::string key(length, '\xFF');
    key.back() = '\0';
    std::string const other = key.substr(0, length - 1) + "x";
    index.add(at(1), other);
    index.add(at(1), key);
    EXPECT_EQ(index.earliest_key(), key) << length;
    index.remove(at(1), key);
    EXPECT_EQ(index.earliest_key(), other) << length;
  }
}

// The database's tree moves its strings; long ones keep their memory in place.
TEST(an_expiry_index, finds_a_key_when_its_string_has_moved) {
  expiry_index index;
  for (std::size_t length : {15, 16, 100}) {
    std::string key(length, 'k');
    index.add(at(1), key);
    auto const moved = std::move(key);
    key.assign(length, 'x');
    EXPECT_EQ(index.earliest_key(), moved);
    index.remove(at(1), moved);
    EXPECT_EQ(index.size(), 0U);
  }
}

TEST(an_expiry_index, is_in_order_whatever_is_added_and_removed) {
  std::mt19937 random(7);
  std::map<std::string, expiry_time> expires;
  expiry_index index;
  for (int i = 0; i < 20'000; ++i) {
    auto key = std::string(random() % 30, 'k') + std::to_string(random() % 20);
    auto const [place, is_new] = expires.try_emplace(std::move(key), no_expiry);
    if (!is_new) index.remove(place->second, place->first);
    if (!is_new && random() % 2 == 0) {
      expires.erase(place);
    } else {
      place->second = at(static_cast<int>(random() % 50));
      index.add(place->second, place->first);
    }
    ASSERT_EQ(index.size(), expires.size());
    if (expires.empty()) continue;
    auto const next = std::min_element(expires.begin(), expires.end(), [](auto const& a, auto const& b) {
      return std::tie(a.second, a.first) < std::tie(b.second, b.first);
    });
    ASSERT_EQ(index.earliest(), next->second);
    ASSERT_EQ(index.earliest_key(), next->first);
  }
}

}  // namespace
}  // namespace holdfast::server
