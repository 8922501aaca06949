#include "server/cluster/warm_copy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/server/cluster/leaders.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using tests::changes_maker;
using tests::told;

/// Only the first difference is worth reading.
testing::AssertionResult are_same(std::vector<told> const& known, std::vector<told> const& made) {
  auto const [there, wanted] = std::ranges::mismatch(known, made);
  if (there == known.end() && wanted == made.end()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "of " << made.size() << " changes it knows " << known.size() << "; it has "
                                     << (there == known.end() ? "nothing" : testing::PrintToString(*there)) << " for "
                                     << (wanted == made.end() ? "nothing" : testing::PrintToString(*wanted));
}

class copy_of_a_leader : public tests::with_leaders {
 protected:
  void SetUp() override {
    with_leaders::SetUp();
    if (!IsSkipped()) begin();
  }

  /// The events that a copy lacks of what has been committed, also those of entries.
  std::vector<etcd_event> events_after(warm_copy const& copy) {
    std::vector<etcd_event> all;
    client->watch(settings.prefix(), end_of_prefix(settings.prefix()), copy.revision() + 1, soon());
    auto const last = journal->last_revision();
    while (all.empty() || all.back().entry.mod_revision < last) {
      auto const some = client->next_events(soon());
      EXPECT_FALSE(some.empty());
      if (some.empty()) break;
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  void follow(warm_copy& copy) {
    if (copy.last().revision == journal->last_revision()) return;
    auto events = events_after(copy);
    copy.apply(events);
  }

  static std::vector<told> told_by(history const& known) {
    std::vector<change> all;
    EXPECT_TRUE(known.take(known.first_revision() - 1, std::size_t(-1), all));
    return told_by(all);
  }
  static std::vector<told> told_by(std::vector<change> const& all) {
    std::vector<told> text;
    std::ranges::transform(all, std::back_inserter(text), tests::told_of);
    return text;
  }

  static tests::contents contents_of(warm_copy const& copy) {
    tests::contents all;
    for (auto const& [key, bytes] : copy.entries())
      if (auto const entry = record::read_entry(bytes))
        all[key] = {std::string(entry->text), entry->version, entry->expires_at};
    return all;
  }

  /// What a random client does.
  std::vector<change> random_batch(unsigned count, unsigned keys) {
    std::vector<change> batch;
    for (; count > 0; --count) {
      auto const key = std::to_string(roll(keys));
      auto const value = std::to_string(dice());
      switch (changes.has(key) ? roll(8) : 5 + roll(3)) {
        case 0:
          batch.push_back(changes.del(key));
          break;
        case 1:
          batch.push_back(changes.make(change::kind::expire, key));
          break;
        case 2:
          batch.push_back(changes.touch(key, change::instant(std::chrono::seconds(1'900'000'000 + roll(1000)))));
          break;
        case 6:
          batch.push_back(changes.make(change::kind::put, key, value, keyspace::requests));
          break;
        case 7:
          batch.push_back(
              changes.make(changes.has(key, keyspace::locks) && roll(2) == 0 ? change::kind::del : change::kind::put,
                           key, value, keyspace::locks));
          break;
        default:
          batch.push_back(changes.put(key, roll(100) == 0 ? std::string(200'000, 'x') : value));
      }
    }
    return batch;
  }
  unsigned roll(unsigned sides) { return static_cast<unsigned>(dice() % sides); }

  std::mt19937 dice{279};
};

TEST_F(copy_of_a_leader, knows_each_change_that_the_log_has) {
  commit({changes.put("a"), changes.put("b")});
  auto copy = loaded();
  EXPECT_EQ(told_by(copy.changes()), changes.after(0)) << "also those before it was made";
  commit({changes.put("a", "2")});
  commit({changes.put("b", "2"), changes.put("c"), changes.put("b", "3"), changes.del("a"), changes.put("a", "4")});
  commit({changes.make(change::kind::expire, "b")});
  follow(copy);
  EXPECT_EQ(told_by(copy.changes()), changes.after(0));
}

TEST_F(copy_of_a_leader, that_follows_is_what_a_random_leader_has_done_and_what_a_new_copy_is) {
  settings.log_bytes_max = 30'000;
  begin();
  auto copy = loaded();
  for (auto round = 0; round < 90; ++round) {
    commit(random_batch(roll(12) == 0 ? 150 + roll(200) : 1 + roll(8), 60));
    if (roll(3) == 0) follow(copy);
    if (round % 15 != 14) continue;
    follow(copy);
    ASSERT_TRUE(contents_of(copy) == changes.contents()) << round;
    auto late = loaded();
    ASSERT_TRUE(late.entries() == copy.entries()) << round;
    EXPECT_EQ(late.bytes(), copy.bytes()) << round;
    EXPECT_EQ(late.last(), copy.last()) << round;
    EXPECT_EQ(late.first(), copy.first()) << round;
    EXPECT_EQ(late.changed().size(), copy.changed().size()) << round;
    EXPECT_TRUE(are_same(told_by(late.changes()), changes.after(late.changes().first_revision() - 1)));
    // One of them leads on, sometimes in the middle of a checkpoint.
    if (round % 30 == 29) {
      begin(std::exchange(copy, loaded()));
      EXPECT_TRUE(journal->came_from_copy());
      EXPECT_TRUE(found == changes.contents()) << round;
    }
  }
  EXPECT_GT(copy.first(), 50U);
}

TEST_F(copy_of_a_leader, remembers_what_the_next_checkpoint_needs) {
  settings.log_bytes_max = 10'000;
  begin();
  auto copy = loaded();
  auto const large = std::string(2 * part_bytes_max, 'x');
  for (auto i = 0; i < 4; ++i) commit({changes.put("large/" + std::to_string(i), large)});
  for (auto i = 0; i < 30; ++i) commit({changes.put("a" + std::to_string(i))});
  commit({changes.put("a1", "2"), changes.del("a2"), changes.del("large/1"), changes.put("large/2")});
  follow(copy);
  begin(std::move(copy));
  EXPECT_TRUE(found == changes.contents());
  for (auto i = 0; i < 60; ++i) commit({changes.put("b")});
  EXPECT_EQ(keys_below(settings.rests()).size(), 2U);
  EXPECT_EQ(keys_below(settings.entries()).size(), changes.contents().size());
  begin();
  EXPECT_TRUE(found == changes.contents());
}

TEST_F(copy_of_a_leader, ignores_entries_which_may_be_older) {
  commit({changes.put("a", "1")});
  auto copy = loaded();
  commit({changes.put("a", "2")});
  follow(copy);
  auto const entries = copy.entries();
  std::vector<etcd_event> some{
      {.entry = {.key = settings.entries() + "ea", .value = "old", .mod_revision = copy.revision() + 1}},
      {.is_removal = true,
       .entry = {.key = settings.entries() + "ea", .value = {}, .mod_revision = copy.revision() + 2}},
      {.is_removal = true, .entry = {.key = settings.log_key(1), .value = {}, .mod_revision = copy.revision() + 3}}};
  copy.apply(some);
  EXPECT_EQ(copy.entries(), entries);
  commit({changes.put("a", "3")});
  follow(copy);
  EXPECT_EQ(contents_of(copy), changes.contents());
}

TEST_F(copy_of_a_leader, believes_a_large_commit_at_one_moment) {
  commit({changes.put("gone"), changes.put("a")});
  auto copy = loaded();
  // A piece that an earlier leader wrote and did not commit.
  auto const is_of = [](etcd_event const& one, std::int64_t revision) { return one.entry.mod_revision == revision; };
  std::string text;
  append_change(text, changes_maker(changes).put("never"));
  write(settings.log_key(3),
        write_record({.what = log_record::kind::piece, .head = *copy.head(), .first = 1, .changes = text}));
  begin();
  auto const before = changes.revision();
  std::vector<change> batch{changes.del("gone")};
  for (auto i = 0; i < 130; ++i) batch.push_back(changes.put("many/" + std::to_string(i), std::string(20'000, 'x')));
  batch.push_back(changes.put("a", "2"));
  batch.push_back(changes.put("a", "3"));
  commit(batch);
  auto events = events_after(copy);
  ASSERT_GE(journal->last_revision() - copy.revision(), 4);
  for (auto revision = copy.revision() + 1; revision < journal->last_revision(); ++revision) {
    std::vector<etcd_event> some;
    std::ranges::copy_if(events, std::back_inserter(some), [&](auto const& one) { return is_of(one, revision); });
    copy.apply(some);
    EXPECT_EQ(copy.entries().size(), 2U);
    EXPECT_EQ(copy.changes().last_revision(), before);
  }
  copy.apply(events);
  EXPECT_TRUE(contents_of(copy) == changes.contents());
  EXPECT_TRUE(are_same(told_by(copy.changes()), changes.after(0)));
}

TEST_F(copy_of_a_leader, that_cannot_read_the_log_knows_no_changes_and_says_why) {
  commit({changes.put("a")});
  auto unknown = loaded(), gap = loaded();
  commit({changes.put("a")});
  commit({changes.put("b")});
  auto events = events_after(gap);
  std::vector<etcd_event> second{events.back()};
  gap.apply(second);
  events.front().entry.value[0] = 77;
  unknown.apply(events);
  for (auto const* const one : {&unknown, &gap}) {
    ASSERT_TRUE(one->fault());
    EXPECT_TRUE(told_by(one->changes()).empty());
    EXPECT_FALSE(one->head());
  }
  EXPECT_EQ(unknown.fault()->fault(), journal_fault::unknown_format);
  EXPECT_EQ(gap.fault()->fault(), journal_fault::damaged);
  // What is in etcd is sound.
  begin(std::move(gap));
  EXPECT_FALSE(journal->came_from_copy());
  EXPECT_EQ(found, changes.contents());
}

TEST_F(copy_of_a_leader, keeps_as_many_changes_and_bytes_as_it_may) {
  settings.history_changes_max = 3;
  auto few = loaded();
  settings.history_changes_max = 100;
  settings.history_bytes_max = 10'000;
  auto small = loaded();
  for (auto i = 0; i < 20; ++i) commit({changes.put("a", std::string(1000, 'x'))});
  follow(few);
  follow(small);
  EXPECT_EQ(told_by(few.changes()), changes.after(17));
  EXPECT_GT(small.changes().first_revision(), 10U);
  EXPECT_LE(small.changes().bytes(), 10'000U);
  EXPECT_EQ(told_by(small.changes()), changes.after(small.changes().first_revision() - 1));
}

TEST_F(copy_of_a_leader, gives_the_changes_to_the_next_leader) {
  auto copy = loaded();
  commit({changes.put("a"), changes.put("a", "2"), changes.put("b")});
  follow(copy);
  // The last commits of a leader may not have arrived when the next one begins. etcd may even have compacted them.
  commit({changes.del("a"), changes.put("c")});
  commit({changes.put("c", "2")});
  client->compact(journal->last_revision(), soon());
  begin(std::move(copy));
  EXPECT_TRUE(journal->came_from_copy());
  EXPECT_EQ(told_by(journal->take_recent_changes()), changes.after(0));
  EXPECT_TRUE(journal->take_recent_changes().empty());
}

// The next leader took the copy for the data if the revision of its last commit was etcd's (0 commits more), and missed
// what the restored etcd had done before it reached that revision (3 more).
TEST_F(copy_of_a_leader, of_an_etcd_that_was_restored_is_not_believed_by_the_next_leader) {
  commit({changes.put("a", "old")});
  etcd->save();
  auto copy = loaded(), same = loaded();
  auto const saved_changes = changes;
  for (auto i = 0; i < 3; ++i) commit({changes.put("a", "lost")});
  follow(copy);
  follow(same);
  etcd->restore();
  changes = saved_changes;
  begin();
  commit({changes.put("a", "new")});
  ASSERT_EQ(copy.last().revision, journal->last_revision());
  for (auto const more : {0, 3}) {
    for (auto i = 0; i < more; ++i) commit({changes.put("b")});
    begin(std::move(more == 0 ? copy : same));
    EXPECT_FALSE(journal->came_from_copy());
    EXPECT_EQ(found, changes.contents());
    EXPECT_EQ(told_by(journal->take_recent_changes()), changes.after(0));
  }
}

TEST_F(copy_of_a_leader, of_an_etcd_that_was_restored_is_known_by_its_last_commit_even_if_its_numbers_are_the_same) {
  commit({changes.put("a", "old")});
  etcd->save();
  auto const saved_changes = changes;
  // As many revisions as a change of the leader takes.
  for (auto const* const key : {"one", "two"}) write(key, "");
  commit({changes.put("a", "lost")});
  auto copy = loaded();
  etcd->restore();
  changes = saved_changes;
  begin();
  commit({changes.put("a", "new")});
  auto const now = loaded();
  ASSERT_EQ(copy.last().number, now.last().number);
  ASSERT_EQ(copy.last().revision, now.last().revision);
  EXPECT_TRUE(now.is_state_of(*client, soon()));
  EXPECT_FALSE(copy.is_state_of(*client, soon()));
  begin(std::move(copy));
  EXPECT_FALSE(journal->came_from_copy());
  EXPECT_EQ(found, changes.contents());
}

// etcd's data were sound, and the server ended with the advice to restore a snapshot.
TEST_F(copy_of_a_leader, that_is_not_what_was_committed_is_replaced_by_what_is_in_etcd) {
  commit({changes.put("a"), changes.put("b")});
  auto const added = settings.entries() + "ec";
  std::string entry;
  record::write_entry_prefix(entry, changes_maker().put("c"));
  write(added, entry + "1");
  auto copy = loaded();
  remove(added);
  begin(std::move(copy));
  EXPECT_FALSE(journal->came_from_copy());
  EXPECT_EQ(found, changes.contents());
}

TEST_F(copy_of_a_leader, that_lacks_records_which_a_checkpoint_removed_is_read_again) {
  settings.log_bytes_max = 5'000;
  begin();
  auto copy = loaded();
  for (auto i = 0; i < 40; ++i) commit({changes.put("a", std::to_string(i))});
  begin(std::move(copy));
  EXPECT_FALSE(journal->came_from_copy());
  EXPECT_EQ(found, changes.contents());
  auto const known = told_by(journal->take_recent_changes());
  ASSERT_LT(known.size(), 40U);
  EXPECT_EQ(known, changes.after(40 - known.size()));
}

// After a page that could not be read, the next attempt followed the events from there on and took the pages that it
// had for everything. A leader with such a copy found its data damaged.
TEST_F(copy_of_a_leader, that_could_be_loaded_only_in_part_is_empty) {
  for (auto i = 0; i < 72; ++i) commit({changes.put("a" + std::to_string(i))});
  for (auto i = 0; i < 40; ++i) commit({changes.put("b" + std::to_string(i), std::string(1024 * 1024, 'x'))});
  auto copy = loaded();
  EXPECT_EQ(copy.entries().size(), 112U);
  // After the first pages: all of them take many times as long.
  std::thread pause([&] {
    std::this_thread::sleep_for(30ms);
    etcd->pause();
  });
  EXPECT_THROW(copy.load(*client, 300ms), etcd_error);
  pause.join();
  etcd->go_on();
  EXPECT_EQ(copy.revision(), 0);
  EXPECT_TRUE(copy.entries().empty());
  EXPECT_EQ(copy.last().number, 0U);
}

TEST_F(copy_of_a_leader, knows_what_follows_across_leaders) {
  auto copy = loaded();
  std::vector<change> large;
  for (auto i = 0; i < 300; ++i) large.push_back(changes.put(std::to_string(i % 200), std::string(5'000, 'x')));
  commit(large);
  begin();
  commit({changes.del("7"), changes.put("8")});
  follow(copy);
  EXPECT_TRUE(are_same(told_by(copy.changes()), changes.after(0)));
  EXPECT_TRUE(contents_of(copy) == changes.contents());
}

}  // namespace
}  // namespace holdfast::server
