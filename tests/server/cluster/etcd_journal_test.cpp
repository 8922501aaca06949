#include "server/cluster/etcd_journal.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/cluster/leaders.hpp"
#include "tests/server/cluster/losing_relay.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

class etcd_journal_test : public tests::with_leaders {
 protected:
  void SetUp() override {
    with_leaders::SetUp();
    if (!IsSkipped()) begin();
  }

  /// The next leader reads everything from etcd, and finds what was committed.
  void expect_all_is_there() {
    begin();
    EXPECT_TRUE(found == changes.contents()) << found.size() << " of " << changes.contents().size();
  }

  journal_fault fault_of_next() {
    try {
      begin();
    } catch (journal_error const& error) {
      return error.fault();
    }
    ADD_FAILURE() << "it has begun";
    return journal_fault::in_use;
  }

  /// Commits until a checkpoint that has not begun yet is in etcd.
  void await_checkpoint() {
    for (auto checkpoints = 0; checkpoints < 2; ++checkpoints) {
      auto const first = first_needed();
      for (auto patience_left = 1000; first_needed() == first && patience_left > 0; --patience_left)
        commit({changes.put("filler", std::string(1000, 'x'))});
      ASSERT_NE(first_needed(), first);
    }
  }
  std::uint64_t first_needed() {
    auto const last = client->last(settings.log(), end_of_prefix(settings.log()), soon());
    return last ? read_record(last->value)->first : 0;
  }

  /// etcd as it was at a revision: what a leader that was killed then has left.
  void go_back_to(std::int64_t revision) {
    auto const then = keys_below(settings.prefix(), revision);
    client->transact(
        {},
        {{.what = etcd_step::kind::remove, .key = settings.prefix(), .range_end = end_of_prefix(settings.prefix())}},
        soon());
    for (auto const& one : then)
      if (!one.key.starts_with(settings.candidates())) write(one.key, one.value);
    place.key.clear();
  }
};

TEST_F(etcd_journal_test, the_next_leader_finds_what_was_committed) {
  EXPECT_TRUE(found.empty());
  commit(
      {changes.put("x", "1"), changes.put("y", "2"), changes.put("x", "3"), changes.del("y"), changes.put("z", "4")});
  auto const position = journal->position();
  EXPECT_EQ(position.sequence, 5);
  EXPECT_NE(position.database, 0);
  begin();
  EXPECT_EQ(journal->position(), position);
  EXPECT_EQ(found, (tests::contents{{"ex", {"3", 3, {}}}, {"ez", {"4", 5, {}}}}));
}

TEST_F(etcd_journal_test, a_commit_is_one_key_in_etcd) {
  auto const before = client->range("a", {}, 0, 0, soon()).revision;
  std::vector<change> many;
  for (auto i = 0; i < 1000; ++i) many.push_back(changes.put(std::to_string(i)));
  commit(many);
  EXPECT_EQ(journal->last_revision(), before + 1);
  EXPECT_EQ(keys_below(settings.prefix()).size(), 3U) << "the leader, the first record, and this one";
}

TEST_F(etcd_journal_test, a_leader_that_was_replaced_commits_and_confirms_nothing) {
  commit({changes.put("x", "1")});
  EXPECT_FALSE(journal->confirm());
  remove(place.key);
  etcd_journal next(settings, lead("next"), warm_copy(settings));
  auto then = changes;
  std::vector<change> const late{then.put("x", "2")};
  for (auto const* const when : {"first", "and this does not change"}) {
    auto const error = journal->commit(late);
    ASSERT_TRUE(error) << when;
    EXPECT_EQ(error->fault(), journal_fault::not_leading) << when;
    EXPECT_TRUE(journal->confirm()) << when;
  }
  expect_all_is_there();
}

TEST_F(etcd_journal_test, one_whose_place_was_taken_and_given_back_does_not_confirm) {
  remove(place.key);
  write(place.key, "the same key, created anew");
  ASSERT_TRUE(journal->confirm());
  EXPECT_EQ(journal->confirm()->fault(), journal_fault::not_leading);
}

// Otherwise an attempt that arrives late could write old entries over new ones.
TEST_F(etcd_journal_test, a_leader_does_not_write_beside_a_later_record_than_its_own) {
  commit({changes.put("x", "1")});
  auto const kept = changes;
  auto const last = client->last(settings.log(), end_of_prefix(settings.log()), soon());
  ASSERT_TRUE(last);
  EXPECT_EQ(last->key, settings.log_key(2));
  write(settings.log_key(3), last->value);
  std::vector<change> const late{changes.put("x", "2")};
  auto const error = journal->commit(late);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault(), journal_fault::not_leading);
  EXPECT_EQ(client->range(settings.log_key(3), {}, 0, 0, soon()).entries.at(0).value, last->value);
}

// The snapshot has the leader's place as well: it answered reads from its memory, of changes that etcd had no more.
TEST_F(etcd_journal_test, a_leader_whose_commits_a_restored_etcd_lacks_neither_confirms_nor_commits) {
  commit({changes.put("x", "1")});
  etcd->save();
  EXPECT_FALSE(journal->confirm()) << "after a restart with all that was committed";
  auto const saved = changes;
  commit({changes.put("x", "2")});
  EXPECT_FALSE(journal->confirm());
  etcd->restore();
  auto const error = journal->confirm();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault(), journal_fault::not_leading);
  std::vector<change> const late{changes.put("x", "3")};
  EXPECT_TRUE(journal->commit(late));
  changes = saved;
  expect_all_is_there();
}

// It has as many records as before, but others.
TEST_F(etcd_journal_test, a_leader_whose_last_commit_a_restored_etcd_has_replaced_does_not_commit) {
  etcd->save();
  commit({changes.put("x", "1")});
  etcd->restore();
  write("something else", "");
  write(settings.log_key(2), "another record");
  std::vector<change> const late{changes.put("x", "2")};
  auto const error = journal->commit(late);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault(), journal_fault::not_leading);
}

TEST_F(etcd_journal_test, a_new_time_to_live_keeps_the_value_and_ends_with_it) {
  settings.log_bytes_max = 20'000;
  begin();
  auto const until = change::instant(1'900'000'000s), later = change::instant(1'950'000'000s);
  commit({changes.put("x", "1", until), changes.put("y", "2"), changes.touch("x", later), changes.touch("y", later)});
  commit({changes.put("y", "3")});
  expect_all_is_there();
  EXPECT_EQ(found.at("ex"), (tests::stored{"1", 1, later}));
  EXPECT_EQ(found.at("ey"), (tests::stored{"3", 3, {}}));
  await_checkpoint();
  // Only the checkpoint has the values now, and only the log the new expiry.
  commit({changes.touch("x", until)});
  expect_all_is_there();
  EXPECT_EQ(found.at("ex"), (tests::stored{"1", 1, until}));
  await_checkpoint();
  expect_all_is_there();
  commit({changes.del("x"), changes.put("x", "4")});
  expect_all_is_there();
  EXPECT_EQ(found.at("ex").expires_at, std::nullopt);
}

TEST_F(etcd_journal_test, what_was_deleted_stays_so_through_a_checkpoint) {
  settings.log_bytes_max = 20'000;
  begin();
  commit({changes.put("x"), changes.put("y"), changes.put("z")});
  await_checkpoint();
  commit({changes.del("x"), changes.make(change::kind::expire, "y")});
  expect_all_is_there();
  await_checkpoint();
  EXPECT_EQ(keys_below(settings.entries()).size(), 2U) << "z and the filler";
  expect_all_is_there();
}

TEST_F(etcd_journal_test, what_is_larger_than_a_transaction_may_be_is_kept_whole) {
  std::vector<change> batch;
  for (int i = 0; i < 300; ++i) batch.push_back(changes.put("many/" + std::to_string(i), std::to_string(i)));
  for (int i = 0; i < 4; ++i)
    batch.push_back(changes.put("large/" + std::to_string(i), std::string(1024 * 1024, static_cast<char>('a' + i))));
  commit(batch);
  EXPECT_EQ(keys_below(settings.log()).size(), 5U);
  commit({changes.put("many/1", "one")});
  expect_all_is_there();
}

// An answer that is kept for a repetition may be that large, as it repeats what it has read.
TEST_F(etcd_journal_test, an_entry_that_is_larger_than_a_value_of_etcd_may_be_is_kept_whole) {
  settings.log_bytes_max = 20'000;
  begin();
  auto const large = std::string(3 * 1024 * 1024, 'x') + "end", smaller = std::string(2 * 1024 * 1024, 'y');
  commit({changes.put("a", large), changes.put("b", large), changes.put("c", "small")});
  expect_all_is_there();
  await_checkpoint();
  EXPECT_EQ(keys_below(settings.rests()).size(), 4U);
  expect_all_is_there();
  commit({changes.touch("a", change::instant(1'900'000'000s))});
  expect_all_is_there();
  await_checkpoint();
  expect_all_is_there();
  commit({changes.put("a", smaller), changes.del("b")});
  expect_all_is_there();
  await_checkpoint();
  EXPECT_EQ(keys_below(settings.rests()).size(), 1U);
  expect_all_is_there();
}

TEST_F(etcd_journal_test, continuations_that_a_killed_leader_has_not_removed_yet_are_removed) {
  settings.log_bytes_max = 20'000;
  begin();
  commit({changes.put("a", std::string(2 * part_bytes_max + 5, 'x'))});
  await_checkpoint();
  ASSERT_EQ(keys_below(settings.rests()).size(), 2U);
  auto const smaller = changes.put("a", "1");
  commit({smaller});
  std::string entry;
  record::write_entry_prefix(entry, smaller);
  write(settings.entries() + "ea", entry + "1");
  expect_all_is_there();
  await_checkpoint();
  EXPECT_TRUE(keys_below(settings.rests()).empty());
  expect_all_is_there();
}

TEST_F(etcd_journal_test, a_leader_that_is_killed_within_a_large_commit_leaves_all_of_it_or_nothing) {
  commit({changes.put("large/0", "old"), changes.put("gone", "1")});
  auto const before = journal->last_revision();
  auto const without = changes;
  std::vector<change> batch;
  for (int i = 0; i < 4; ++i)
    batch.push_back(changes.put("large/" + std::to_string(i), std::string(700 * 1024, static_cast<char>('a' + i))));
  batch.push_back(changes.del("gone"));
  commit(batch);
  auto const with = changes;
  auto const last = journal->last_revision();
  ASSERT_EQ(last, before + 3);
  for (auto at = before; at <= last; ++at) {
    go_back_to(at);
    changes = at == last ? with : without;
    expect_all_is_there();
    EXPECT_EQ(journal->position().sequence, changes.sequence()) << at;
    // The pieces without a commit are no part of the next one, even of one in pieces.
    commit({changes.put("after", std::string(3 * 1024 * 1024, 'x'))});
    expect_all_is_there();
  }
}

// etcd's entries are partly older and partly newer than the first needed record then.
TEST_F(etcd_journal_test, a_leader_that_is_killed_within_a_checkpoint_leaves_everything) {
  settings.log_bytes_max = 20'000;
  begin();
  std::vector<tests::changes_maker> versions;
  std::vector<std::int64_t> revisions;
  for (auto i = 0; i < 120; ++i) {
    auto const key = [&](int number) { return "key/" + std::to_string((i * 7 + number) % 40); };
    std::vector<change> batch{changes.put(key(0), std::to_string(i)), changes.put(key(1), std::string(300, 'x'))};
    if (changes.has(key(20))) batch.push_back(changes.touch(key(20), change::instant(1'900'000'000s + i * 1s)));
    if (changes.has(key(13))) batch.push_back(changes.del(key(13)));
    commit(batch);
    versions.push_back(changes);
    revisions.push_back(journal->last_revision());
  }
  ASSERT_GT(first_needed(), 20U);
  for (std::size_t i = 30; i < versions.size(); i += 17) {
    go_back_to(revisions[i]);
    changes = versions[i];
    expect_all_is_there();
    await_checkpoint();
    expect_all_is_there();
  }
}

TEST_F(etcd_journal_test, steady_writes_leave_a_bounded_log_and_each_entry_once) {
  settings.log_bytes_max = 50'000;
  begin();
  std::size_t most = 0;
  for (auto i = 0; i < 800; ++i) {
    commit({changes.put("key/" + std::to_string(i % 10), std::to_string(i))});
    if (i % 20 == 0) most = std::max(most, keys_below(settings.log()).size());
  }
  // Of a kilobyte each, as small ones count; and those that were removed sixteen at a time.
  EXPECT_LT(most, 110U);
  EXPECT_EQ(keys_below(settings.entries()).size(), 10U);
  expect_all_is_there();
}

// The quota is not known yet when a leader begins. With many leaders, their logs filled etcd.
// The log was cut off within a commit, whose first pieces then were missing.
TEST_F(etcd_journal_test, a_checkpoint_keeps_the_pieces_of_a_commit_together) {
  settings.log_bytes_max = 3 * 1024 * 1024 + 512 * 1024;
  begin();
  for (auto round = 0; round < 12; ++round) {
    std::vector<change> batch;
    for (auto each = 0; each < 3; ++each)
      batch.push_back(changes.put(std::to_string(each), std::string(900'000, static_cast<char>('a' + round))));
    commit(batch);
    ASSERT_FALSE(loaded().fault()) << round;
  }
  EXPECT_GT(loaded().first(), 1U);
  begin();
  EXPECT_TRUE(found == changes.contents());
}

TEST_F(etcd_journal_test, the_log_is_small_with_a_small_quota_also_when_leaders_change_often) {
  std::size_t most = 0;
  for (auto i = 0; i < 12; ++i) {
    begin();
    journal->note({.bytes = 0, .bytes_max = 64 * 50'000});
    for (auto each = 0; each < 20; ++each) commit({changes.put("key/" + std::to_string(i % 10), std::to_string(i))});
    most = std::max(most, keys_below(settings.log()).size());
  }
  EXPECT_LT(most, 60U);
  expect_all_is_there();
}

TEST_F(etcd_journal_test, an_entry_or_a_record_that_is_missing_is_noticed) {
  settings.log_bytes_max = 20'000;
  begin();
  commit({changes.put("x", "1"), changes.put("y", "2")});
  await_checkpoint();
  auto const entry = settings.entries() + "ey";
  auto const value = client->range(entry, {}, 0, 0, soon()).entries.at(0).value;
  remove(entry);
  EXPECT_EQ(fault_of_next(), journal_fault::damaged);
  write(entry, value);
  expect_all_is_there();
  commit({changes.touch("x", change::instant(1'900'000'000s))});
  commit({changes.touch("y", change::instant(1'900'000'000s))});
  auto const records = keys_below(settings.log());
  auto const& last_but_one = records.at(records.size() - 2);
  remove(last_but_one.key);
  EXPECT_EQ(fault_of_next(), journal_fault::damaged);
  write(last_but_one.key, last_but_one.value);
  expect_all_is_there();
  auto const first = settings.log_key(first_needed());
  auto const first_record = client->range(first, {}, 0, 0, soon()).entries.at(0).value;
  remove(first);
  EXPECT_EQ(fault_of_next(), journal_fault::damaged);
  write(first, first_record);
  expect_all_is_there();
  for (auto const& one : keys_below(settings.log())) remove(one.key);
  EXPECT_EQ(fault_of_next(), journal_fault::damaged);
  EXPECT_TRUE(keys_below(settings.log()).empty()) << "no new database is created";
}

TEST_F(etcd_journal_test, data_in_an_unknown_format_is_refused) {
  commit({changes.put("x")});
  write(settings.log_key(3), "?");
  EXPECT_EQ(fault_of_next(), journal_fault::unknown_format);
  remove(settings.log_key(3));
  // As versions before the log had it.
  write(settings.prefix() + "meta", "1");
  EXPECT_EQ(fault_of_next(), journal_fault::unknown_format);
  remove(settings.prefix() + "meta");
  expect_all_is_there();
}

TEST_F(etcd_journal_test, an_etcd_that_is_silent_until_the_lease_ends_fails_the_commit) {
  etcd->pause();
  patience = 300ms;
  std::vector<change> const batch{changes.put("x", "1")};
  auto const error = journal->commit(batch);
  etcd->go_on();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault(), journal_fault::storage_failed);
}

// The client repeats what was not answered, and the first attempt has already written the record.
TEST_F(etcd_journal_test, a_commit_whose_answer_was_lost_is_there_once) {
  tests::losing_relay relay(etcd->url());
  settings.etcd.endpoints = {relay.url()};
  begin();
  commit({changes.put("a", "1")});
  relay.lose(1);
  commit({changes.put("a", "2"), changes.put("b", "3")});
  EXPECT_EQ(relay.left_to_lose(), 0);
  relay.lose(3);
  commit({changes.put("c", std::string(3'000'000, 'x'))});  // in pieces
  EXPECT_EQ(relay.left_to_lose(), 0);
  commit({changes.del("a")});
  EXPECT_FALSE(journal->confirm());
  EXPECT_EQ(journal->position().sequence, changes.sequence());
  expect_all_is_there();
}

TEST_F(etcd_journal_test, room_ends_before_etcds_quota_and_does_not_flicker) {
  // Twice, so that the record that created the database does not count.
  journal->note({.bytes = 899, .bytes_max = 1000});
  journal->note({.bytes = 899, .bytes_max = 1000});
  EXPECT_TRUE(journal->has_room());
  journal->note({.bytes = 900, .bytes_max = 1000});
  EXPECT_FALSE(journal->has_room());
  journal->note({.bytes = 899, .bytes_max = 1000});
  EXPECT_FALSE(journal->has_room());
  journal->note({.bytes = 799, .bytes_max = 1000});
  EXPECT_TRUE(journal->has_room());
  EXPECT_EQ(journal->figures().bytes_free, 201);
}

// Fast writers used up the rest of the quota between two looks at etcd, whose alarm then refused deletions as well. The
// size that etcd told did not contain what it had not yet written to its file, so they did it again.
TEST_F(etcd_journal_test, what_was_committed_since_the_look_before_the_last_one_counts_as_stored) {
  journal->note({.bytes = 50'000, .bytes_max = 100'000});
  journal->note({.bytes = 50'000, .bytes_max = 100'000});
  commit({changes.put("a", std::string(20'000, 'x'))});
  EXPECT_TRUE(journal->has_room());
  commit({changes.put("b", std::string(20'000, 'x'))});
  EXPECT_FALSE(journal->has_room());
  journal->note({.bytes = 50'000, .bytes_max = 100'000});
  EXPECT_FALSE(journal->has_room()) << "etcd may not have counted them";
  journal->note({.bytes = 70'000, .bytes_max = 100'000});
  EXPECT_TRUE(journal->has_room());
}

TEST_F(etcd_journal_test, the_entries_of_a_checkpoint_count_as_stored) {
  settings.log_bytes_max = 10'000;
  begin();
  auto const before = journal->committed_bytes();
  for (auto i = 0; i < 20; ++i) commit({changes.put(std::to_string(i), std::string(5'000, 'x'))});
  EXPECT_GT(journal->committed_bytes() - before, 20U * 5'000 * 3 / 2);
}

}  // namespace
}  // namespace holdfast::server
