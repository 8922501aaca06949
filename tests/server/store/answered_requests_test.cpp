#include "server/store/answered_requests.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::server {
namespace {

constexpr std::size_t large = 100'000;

json_text large_text() {
  return std::make_shared<std::string const>(large, 'x');
}

// A deletion by prefix, a touch and an open result of a transaction counted nothing, whatever they contained.
TEST(answered_requests, count_the_memory_of_every_kind_of_outcome) {
  listing page;
  page.keys = std::string(large, 'k');
  listing pages_end;
  pages_end.next = page.keys;
  listing many;
  many.entries.resize(large / sizeof(listing::entry));
  listing groups;
  groups.groups.resize(large / sizeof(listing::entry));
  auto const whole = [](data_outcome part) {
    auto done = std::make_shared<transaction_outcome>();
    done->results.push_back(std::move(part));
    return transaction_done{std::move(done), {}};
  };
  auto const failed = std::make_shared<transaction_outcome>();
  failed->failed_checks.resize(large / sizeof(transaction_outcome::failed_check));
  std::vector<data_outcome> const all{
      value_found{large_text()},
      value_stored{.value = large_text(), .replaced = {}},
      value_stored{.value = {}, .replaced = large_text()},
      value_deleted{.removed = large_text()},
      value_touched{.value = large_text()},
      value_refused{protocol::errc::out_of_range, std::string(large, 'x')},
      page,
      pages_end,
      many,
      groups,
      range_deleted{.count = 1, .next = std::string(large, 'k'), .removed = {}},
      range_deleted{.count = 1, .next = {}, .removed = {large_text()}},
      lock_lost{{std::string(large, 'l'), 1}},
      transaction_done{failed, {}},
      whole(value_touched{.value = large_text()}),
      whole(page),
  };
  for (auto const& one : all) {
    EXPECT_GE(bytes_of(one), large - 100) << one.index();
    EXPECT_LE(bytes_of(one), large + 1000) << one.index();
  }
}

struct remembered_requests : testing::Test {
  void add(std::string const& key, data_outcome outcome) {
    auto const due = answered.due({}, 16, bytes_of(outcome));
    answered.make_place(key);
    answered.add(std::make_shared<earlier_outcome const>(earlier_outcome{{}, std::move(outcome)}), {}, ++version);
    for (std::size_t i = 0; i < due; ++i) answered.forget_first();
  }

  answered_requests answered;
  std::uint64_t version = 0;
};

// Sixteen small ones made way for a large one, whose bytes were hundreds of times as many.
TEST_F(remembered_requests, keep_within_their_bytes_when_large_ones_follow_many_small_ones) {
  constexpr auto bytes_max = answered_requests::bytes_max;
  for (int i = 0; answered.bytes() + 1000 < bytes_max; ++i) add("small" + std::to_string(i), no_such_key{});
  EXPECT_GT(answered.size(), 30'000U);
  for (int i = 0; i < 400; ++i) {
    add("large" + std::to_string(i), value_found{large_text()});
    ASSERT_LE(answered.bytes(), bytes_max + 2 * large);
  }
}

TEST_F(remembered_requests, forget_few_at_once_when_small_ones_come) {
  for (int i = 0; answered.bytes() < answered_requests::bytes_max; ++i) add("a" + std::to_string(i), no_such_key{});
  for (int i = 0; i < 100; ++i) {
    auto const before = answered.size();
    add("b" + std::to_string(i), no_such_key{});
    ASSERT_GE(answered.size() + 15, before);
  }
}

}  // namespace
}  // namespace holdfast::server
