#include "server/cluster/checkpoint.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/journal/record_codec.hpp"
#include "tests/server/cluster/leaders.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

/// A log without an etcd: the keys that its checkpoints write are in a map.
class log_with_checkpoints : public testing::Test {
 protected:
  /// A record, with its share of the checkpoint. Fifty records make a checkpoint due.
  void commit(std::vector<change> const& batch, std::size_t bytes_left = 1'000'000) {
    all.begin_if_due(last, log_bytes_max);
    all.grow(log_bytes_max / 50 - checkpoint::record_bytes(0), log_bytes_max);
    apply(all.portion(118, bytes_left));
    if (auto const needed = all.finish()) first = *needed;
    ++last;
    all.add(batch);
  }
  void commit_nothing(int records) {
    for (; records > 0; --records) commit({});
  }

  void apply(std::vector<etcd_step> const& steps) {
    portion_max = std::max(portion_max, steps.size());
    for (auto const& one : steps) {
      ++writes;
      if (one.what == etcd_step::kind::put)
        keys[one.key.substr(settings.prefix().size())] = one.value;
      else
        keys.erase(one.key.substr(settings.prefix().size()));
    }
  }

  std::optional<tests::stored> entry(std::string const& key) {
    auto const at = keys.find("k/e" + key);
    if (at == keys.end()) return std::nullopt;
    auto const read = record::read_entry(at->second);
    if (!read) return std::nullopt;
    return tests::stored{std::string(read->text), read->version, read->expires_at};
  }
  std::vector<std::string> rests_of(std::string const& key) {
    std::vector<std::string> some;
    for (std::size_t number = 0;; ++number) {
      auto const digits = std::to_string(number);
      auto const at = keys.find("x/" + std::string(10 - digits.size(), '0') + digits + 'e' + key);
      if (at == keys.end()) return some;
      some.push_back(at->second);
    }
  }

  static constexpr std::uint64_t log_bytes_max = 100'000;
  cluster_settings const settings{.name = "test"};
  checkpoint all{settings};
  tests::changes_maker changes;
  std::map<std::string, std::string> keys;
  std::uint64_t last = 0, first = 1;
  std::size_t writes = 0, portion_max = 0;
};

TEST_F(log_with_checkpoints, writes_nothing_before_it_has_grown_by_its_threshold) {
  for (auto i = 0; i < 49; ++i) commit({changes.put("a")});
  EXPECT_EQ(writes, 0U);
  EXPECT_EQ(first, 1U);
}

TEST_F(log_with_checkpoints, writes_the_last_state_of_each_key_once) {
  for (auto i = 0; i < 50; ++i) commit({changes.put("a", std::to_string(i)), changes.put("b", std::to_string(i))});
  commit_nothing(50);
  EXPECT_EQ(writes, 2U);
  EXPECT_EQ(entry("a"), (tests::stored{"49", 99, {}}));
  EXPECT_EQ(entry("b"), (tests::stored{"49", 100, {}}));
  EXPECT_EQ(first, 51U);
}

TEST_F(log_with_checkpoints, is_bounded_and_spreads_its_checkpoints_over_the_commits) {
  for (auto i = 0; i < 3'000; ++i) {
    std::vector<change> batch;
    for (auto each = 0; each < 10; ++each) batch.push_back(changes.put(std::to_string(i * 10 + each)));
    commit(batch);
    EXPECT_LE(last - first, 2 * 50U) << i;
    EXPECT_FALSE(all.is_late());
  }
  EXPECT_GT(writes, 28'000U);
  EXPECT_LE(portion_max, 12U) << "of ten changes in each commit";
}

TEST_F(log_with_checkpoints, keeps_the_value_of_an_entry_that_is_touched) {
  auto const at = change::instant(1'900'000'000s), later = change::instant(1'950'000'000s);
  commit({changes.put("a", "1", at), changes.put("b", "2")});
  commit({changes.touch("a", later)});
  commit_nothing(100);
  EXPECT_EQ(entry("a"), (tests::stored{"1", 1, later}));
  // Its value is no longer in the log.
  ASSERT_GT(first, 2U);
  commit({changes.touch("b", at)});
  commit_nothing(200);
  EXPECT_EQ(entry("b"), (tests::stored{"2", 2, at}));
}

TEST_F(log_with_checkpoints, removes_what_was_deleted_and_what_has_expired) {
  commit({changes.put("a"), changes.put("b"), changes.put("c")});
  commit_nothing(100);
  ASSERT_TRUE(entry("a") && entry("b") && entry("c"));
  commit({changes.del("a"), changes.make(change::kind::expire, "b"), changes.put("gone"), changes.del("gone")});
  commit_nothing(200);
  EXPECT_FALSE(entry("a") || entry("b") || entry("gone"));
  EXPECT_TRUE(entry("c"));
}

TEST_F(log_with_checkpoints, removes_the_continuations_that_an_entry_has_no_more) {
  auto const large = std::string(3 * part_bytes_max - 5, 'x'), smaller = std::string(part_bytes_max + 1, 'y');
  commit({changes.put("a", large), changes.put("b", large), changes.put("c", std::string(part_bytes_max, 'z'))});
  commit_nothing(60);
  while (first < 51) commit_nothing(1), apply(all.portion(120, 1'300'000));
  EXPECT_EQ(rests_of("a").size(), 2U);
  EXPECT_EQ(rests_of("b").size(), 2U);
  EXPECT_EQ(rests_of("c").size(), 0U);
  std::string whole = entry("a")->value;
  for (auto const& one : rests_of("a")) whole += one;
  EXPECT_TRUE(whole == large);
  // A checkpoint that ends within the entry would otherwise leave others than those that the log needs.
  auto const before = rests_of("a");
  commit({changes.touch("a", change::instant(1'900'000'000s))});
  commit({changes.put("b", smaller)});
  for (auto const end = first; first <= end + 2;) commit_nothing(1), apply(all.portion(120, 1'300'000));
  EXPECT_TRUE(rests_of("a") == before);
  EXPECT_TRUE(entry("a")->expires_at);
  EXPECT_EQ(rests_of("b").size(), 1U);
  commit({changes.del("a"), changes.del("b")});
  commit_nothing(200);
  EXPECT_EQ(keys.size(), 1U) << "that of c";
}

TEST_F(log_with_checkpoints, has_transactions_of_its_own_when_its_records_leave_no_room) {
  std::vector<change> many;
  for (auto i = 0; i < 1'000; ++i) many.push_back(changes.put(std::to_string(i)));
  commit(many);
  commit_nothing(48);
  auto const is_late_after = [&](int records) {
    for (; records > 0 && !all.is_late(); --records) commit({}, 0);
    return all.is_late();
  };
  EXPECT_FALSE(is_late_after(100));
  ASSERT_TRUE(is_late_after(10));
  EXPECT_EQ(writes, 0U);
  auto transactions = 0;
  for (; all.is_late(); ++transactions) apply(all.portion(120, 1'300'000));
  EXPECT_EQ(transactions, 9);
  commit({}, 0);
  EXPECT_EQ(first, 51U);
  EXPECT_EQ(keys.size(), 1'000U);
}

TEST_F(log_with_checkpoints, of_an_earlier_leader_is_written_sooner) {
  for (auto i = 0; i < 50; ++i)
    all.inherit("e" + std::to_string(i),
                {.version = 7, .expires_at = {}, .value = std::make_shared<std::string const>("1")});
  all.inherit("egone", {});
  all.expect("egone", 1);
  keys["k/egone"] = keys["x/0000000000egone"] = "old";
  last = 60;
  all.take_over(last, log_bytes_max / 2);
  commit_nothing(13);
  EXPECT_EQ(first, 61U);
  EXPECT_EQ(keys.size(), 50U);
  EXPECT_EQ(entry("49"), (tests::stored{"1", 7, {}}));
}

// Each one ended before it had written a quarter of the threshold, and the next one began to count anew.
TEST_F(log_with_checkpoints, of_leaders_that_end_soon_is_bounded) {
  for (auto leader = 0; leader < 200; ++leader) {
    std::destroy_at(&all);
    std::construct_at(&all, settings);
    all.inherit("ea", {.version = 1, .expires_at = {}, .value = std::make_shared<std::string const>("1")});
    all.take_over(last, (last + 1 - first) * (log_bytes_max / 50));
    commit_nothing(3);
    EXPECT_LE(last - first, 60U) << leader;
  }
}

// A checkpoint that began between the pieces of a commit ended with the first pieces removed, and the data could not be
// read any more.
TEST_F(log_with_checkpoints, begins_before_a_commit_and_not_within) {
  for (auto i = 0; i < 40; ++i) commit({changes.put("a")});
  all.begin_if_due(last, log_bytes_max);
  for (auto piece = 0; piece < 200; ++piece) {
    all.grow(log_bytes_max / 50, log_bytes_max);
    EXPECT_TRUE(all.portion(118, 1'000'000).empty());
    ++last;
  }
  EXPECT_FALSE(all.finish());
  all.add(std::vector{changes.put("a", "last")});
  commit_nothing(51);
  EXPECT_GT(first, 240U);
  EXPECT_EQ(entry("a")->value, "last");
}

}  // namespace
}  // namespace holdfast::server
