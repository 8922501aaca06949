#include "server/cluster/etcd_journal.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "tests/server/cluster/etcd_process.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

class etcd_journal_test : public testing::Test {
 protected:
  void SetUp() override {
    if (!tests::etcd_process::is_installed()) GTEST_SKIP() << "etcd is not installed (Debian: etcd-server)";
    etcd.emplace();
    client.emplace(etcd->settings().etcd, cancel);
  }

  static auto soon() { return etcd_client::clock::now() + 20s; }

  /// A leader: its candidate key exists until resign().
  leadership lead(std::string const& name) {
    auto const key = etcd->settings().candidates() + name;
    auto const term =
        client->transact({}, {{.what = etcd_step::kind::put, .key = key, .value = "http://" + name}}, soon()).revision;
    return {.key = key, .term = term, .valid_until = [this] { return etcd_client::clock::now() + patience; }};
  }

  void resign(leadership const& one) {
    client->transact({}, {{.what = etcd_step::kind::remove, .key = one.key}}, soon());
  }

  etcd_journal open(leadership const& one) { return {etcd->settings(), one, warm_copy(etcd->settings())}; }

  change make(change::kind what, std::string const& key, std::string const& value = {}) {
    change made;
    made.what = what;
    made.key = key;
    auto& version = versions[key];
    made.sequence = ++sequence;
    made.revision = what == change::kind::touch ? version : ++revision;
    if (what == change::kind::put) made.value = std::make_shared<std::string const>(value);
    if (what != change::kind::touch) made.previous = std::exchange(version, made.revision);
    if (what == change::kind::del) versions.erase(key);
    return made;
  }
  change put(std::string const& key, std::string const& value) { return make(change::kind::put, key, value); }

  struct entry {
    std::string value;
    std::uint64_t version;
    std::optional<change::instant> expires_at;
    bool operator==(entry const&) const = default;
  };
  static std::map<std::string, entry> contents_of(etcd_journal& journal) {
    std::map<std::string, entry> all;
    journal.recover([&](recovered_entry const& one) {
      all[std::string(one.key)] = {std::string(one.value), one.version, one.expires_at};
    });
    return all;
  }

  void damage(std::string const& key) { client->transact({}, {{.what = etcd_step::kind::remove, .key = key}}, soon()); }

  std::chrono::milliseconds patience = 20s;
  cancel_signal cancel;
  std::optional<tests::etcd_process> etcd;
  std::optional<etcd_client> client;
  std::map<std::string, std::uint64_t> versions;
  std::uint64_t sequence = 0, revision = 0;
};

TEST_F(etcd_journal_test, the_next_leader_finds_what_was_committed) {
  auto const first = lead("a");
  journal_position position;
  {
    auto journal = open(first);
    EXPECT_TRUE(contents_of(journal).empty());
    std::vector<change> const batch{put("x", "1"), put("y", "2"), put("x", "3"), make(change::kind::del, "y"),
                                    put("z", "4")};
    ASSERT_FALSE(journal.commit(batch));
    position = journal.position();
  }
  resign(first);
  auto next = open(lead("b"));
  EXPECT_EQ(next.position(), position);
  EXPECT_EQ(position.sequence, 5);
  EXPECT_NE(position.database, 0);
  EXPECT_EQ(contents_of(next), (std::map<std::string, entry>{{"x", {"3", 3, {}}}, {"z", {"4", 5, {}}}}));
}

TEST_F(etcd_journal_test, a_leader_that_was_replaced_commits_and_confirms_nothing) {
  auto const first = lead("a");
  auto journal = open(first);
  std::vector<change> const one{put("x", "1")};
  ASSERT_FALSE(journal.commit(one));
  EXPECT_FALSE(journal.confirm());
  resign(first);
  auto next = open(lead("b"));
  std::vector<change> const late{put("x", "2")};
  auto const error = journal.commit(late);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault(), journal_fault::not_leading);
  EXPECT_TRUE(journal.confirm());
  EXPECT_EQ(contents_of(next).at("x").value, "1");
  // And this does not change.
  EXPECT_EQ(journal.commit(late)->fault(), journal_fault::not_leading);
}

TEST_F(etcd_journal_test, one_whose_place_was_taken_and_given_back_does_not_confirm) {
  auto const first = lead("a");
  auto journal = open(first);
  resign(first);
  static_cast<void>(lead("a"));  // the same key, created anew
  ASSERT_TRUE(journal.confirm());
  EXPECT_EQ(journal.confirm()->fault(), journal_fault::not_leading);
}

// The snapshot has the leader's place as well: it answered reads from its memory, of changes that etcd had no more.
TEST_F(etcd_journal_test, a_leader_whose_commits_a_restored_etcd_lacks_neither_confirms_nor_commits) {
  auto const first = lead("a");
  auto journal = open(first);
  std::vector<change> const kept{put("x", "1")}, lost{put("x", "2")}, late{put("x", "3")};
  ASSERT_FALSE(journal.commit(kept));
  etcd->save();
  EXPECT_FALSE(journal.confirm()) << "after a restart with all that was committed";
  ASSERT_FALSE(journal.commit(lost));
  EXPECT_FALSE(journal.confirm());
  etcd->restore();
  auto const error = journal.confirm();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault(), journal_fault::not_leading);
  EXPECT_TRUE(journal.commit(late));
  auto next = open(first);
  EXPECT_EQ(contents_of(next).at("x").value, "1");
}

TEST_F(etcd_journal_test, a_new_time_to_live_keeps_the_value_and_ends_with_it) {
  using std::chrono::system_clock;
  auto const until = change::instant(1'900'000'000s), later = change::instant(1'950'000'000s);
  auto const first = lead("a");
  {
    auto journal = open(first);
    auto x = put("x", "1");
    x.expires_at = until;
    std::vector<change> batch{x, put("y", "2")};
    for (auto const* const key : {"x", "y"}) {
      batch.push_back(make(change::kind::touch, key));
      batch.back().expires_at = later;
    }
    ASSERT_FALSE(journal.commit(batch));
    std::vector<change> const again{put("y", "3")};
    ASSERT_FALSE(journal.commit(again));
  }
  resign(first);
  auto const second = lead("b");
  {
    auto journal = open(second);
    EXPECT_EQ(contents_of(journal), (std::map<std::string, entry>{{"x", {"1", 1, later}}, {"y", {"3", 3, {}}}}));
    // The record of a touch is removed with the entry.
    std::vector<change> const removal{make(change::kind::del, "x"), put("x", "4")};
    ASSERT_FALSE(journal.commit(removal));
  }
  EXPECT_EQ(
      client->range(etcd->settings().entries(), end_of_prefix(etcd->settings().entries()), 0, 0, soon()).entries.size(),
      2);
  resign(second);
  auto journal = open(lead("c"));
  EXPECT_EQ(contents_of(journal).at("x"), (entry{"4", 5, {}}));
}

TEST_F(etcd_journal_test, what_is_larger_than_a_transaction_may_be_is_kept_whole) {
  auto const first = lead("a");
  std::map<std::string, entry> expected;
  {
    auto journal = open(first);
    std::vector<change> batch;
    for (int i = 0; i < 300; ++i) {
      auto const key = "many/" + std::to_string(i);
      batch.push_back(put(key, std::to_string(i)));
      expected[key] = {std::to_string(i), batch.back().revision, {}};
    }
    for (int i = 0; i < 4; ++i) {
      auto const key = "large/" + std::to_string(i);
      auto const value = std::string(1024 * 1024, static_cast<char>('a' + i));
      batch.push_back(put(key, value));
      expected[key] = {value, batch.back().revision, {}};
    }
    auto const error = journal.commit(batch);
    ASSERT_FALSE(error) << error->what();
    std::vector<change> const more{put("many/1", "one")};
    ASSERT_FALSE(journal.commit(more));
    expected["many/1"] = {"one", more[0].revision, {}};
  }
  auto const pieces = etcd->settings().pieces();
  EXPECT_TRUE(client->range(pieces, end_of_prefix(pieces), 0, 0, soon()).entries.empty());
  resign(first);
  auto journal = open(lead("b"));
  EXPECT_TRUE(contents_of(journal) == expected);
}

// An answer that is kept for a repetition may be that large, as it repeats what it has read.
TEST_F(etcd_journal_test, an_entry_that_is_larger_than_a_value_of_etcd_may_be_is_kept_whole) {
  auto const settings = etcd->settings();
  auto const large = std::string(3 * 1024 * 1024, 'x') + "end", smaller = std::string(2 * 1024 * 1024, 'y');
  auto const rests = [&] {
    return client->range(settings.rests(), end_of_prefix(settings.rests()), 0, 0, soon()).entries.size();
  };
  auto const first = lead("a");
  {
    auto journal = open(first);
    std::vector<change> const batch{put("a", large), put("b", large), put("c", "small")};
    auto const error = journal.commit(batch);
    ASSERT_FALSE(error) << error->what();
    EXPECT_EQ(rests(), 4);
  }
  resign(first);
  auto const second = lead("b");
  {
    auto journal = open(second);
    auto const contents = contents_of(journal);
    EXPECT_TRUE(contents.at("a").value == large);
    EXPECT_TRUE(contents.at("b").value == large);
    std::vector<change> const batch{put("a", smaller), make(change::kind::del, "b")};
    ASSERT_FALSE(journal.commit(batch));
    EXPECT_EQ(rests(), 1);
  }
  resign(second);
  auto journal = open(lead("c"));
  auto const contents = contents_of(journal);
  EXPECT_EQ(contents.size(), 2);
  EXPECT_TRUE(contents.at("a").value == smaller);
}

/// etcd as it was at a revision: what a leader that was killed then has left.
TEST_F(etcd_journal_test, a_leader_that_is_killed_within_a_large_commit_leaves_all_of_it_or_nothing) {
  auto const settings = etcd->settings();
  auto const first = lead("a");
  std::int64_t before = 0;
  {
    auto journal = open(first);
    std::vector<change> const small{put("large/0", "old"), put("gone", "1")};
    ASSERT_FALSE(journal.commit(small));
    before = journal.last_revision();
    std::vector<change> batch;
    for (int i = 0; i < 4; ++i)
      batch.push_back(put("large/" + std::to_string(i), std::string(700 * 1024, static_cast<char>('a' + i))));
    batch.push_back(make(change::kind::del, "gone"));
    ASSERT_FALSE(journal.commit(batch));
  }
  resign(first);
  auto const last = client->range(settings.meta_key(), {}, 0, 0, soon()).entries.at(0).mod_revision;
  ASSERT_GT(last, before + 4);
  auto wholes = 0;
  for (auto at = before; at <= last; ++at) {
    auto const then = client->range(settings.prefix(), end_of_prefix(settings.prefix()), at, 0, soon());
    client->transact(
        {},
        {{.what = etcd_step::kind::remove, .key = settings.prefix(), .range_end = end_of_prefix(settings.prefix())}},
        soon());
    for (auto const& one : then.entries)
      if (!one.key.starts_with(settings.candidates()))
        client->transact({}, {{.what = etcd_step::kind::put, .key = one.key, .value = one.value}}, soon());
    auto const next = lead("b");
    auto journal = open(next);
    auto const contents = contents_of(journal);
    auto const is_whole = contents.contains("large/3");
    EXPECT_EQ(contents.size(), is_whole ? 4 : 2) << at;
    EXPECT_EQ(contents.at("large/0").value.size(), is_whole ? 700 * 1024 : 3) << at;
    EXPECT_EQ(journal.position().sequence, is_whole ? 7 : 2) << at;
    EXPECT_GE(is_whole ? 1 : 0, wholes > 0 ? 1 : 0) << "it was whole before " << at;
    wholes += is_whole ? 1 : 0;
    std::vector<change> after;
    after.push_back({.what = change::kind::put,
                     .sequence = journal.position().sequence + 1,
                     .revision = 100,
                     .previous = 0,
                     .key = "after",
                     .value = std::make_shared<std::string const>("1"),
                     .expires_at = {}});
    EXPECT_FALSE(journal.commit(after)) << at;
  }
  EXPECT_GT(wholes, 1);
}

TEST_F(etcd_journal_test, an_entry_that_is_missing_is_noticed) {
  auto const first = lead("a");
  {
    auto journal = open(first);
    std::vector<change> const batch{put("x", "1"), put("y", "2")};
    ASSERT_FALSE(journal.commit(batch));
  }
  resign(first);
  damage(etcd->settings().entries() + "ey");
  auto journal = open(lead("b"));
  try {
    static_cast<void>(contents_of(journal));
    ADD_FAILURE() << "it was not";
  } catch (journal_error const& error) {
    EXPECT_EQ(error.fault(), journal_fault::damaged);
  }
}

TEST_F(etcd_journal_test, an_etcd_that_is_silent_until_the_lease_ends_fails_the_commit) {
  auto journal = open(lead("a"));
  etcd->pause();
  patience = 300ms;
  std::vector<change> const batch{put("x", "1")};
  auto const error = journal.commit(batch);
  etcd->go_on();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault(), journal_fault::storage_failed);
}

TEST_F(etcd_journal_test, room_ends_before_etcds_quota_and_does_not_flicker) {
  auto journal = open(lead("a"));
  EXPECT_TRUE(journal.has_room());
  journal.note({.bytes = 899, .bytes_max = 1000});
  EXPECT_TRUE(journal.has_room());
  journal.note({.bytes = 900, .bytes_max = 1000});
  EXPECT_FALSE(journal.has_room());
  journal.note({.bytes = 899, .bytes_max = 1000});
  EXPECT_FALSE(journal.has_room());
  journal.note({.bytes = 799, .bytes_max = 1000});
  EXPECT_TRUE(journal.has_room());
  EXPECT_EQ(journal.figures().bytes_free, 201);
}

// Fast writers used up the rest of the quota between two looks at etcd, whose alarm then refused deletions as well.
TEST_F(etcd_journal_test, what_was_committed_since_the_last_look_counts_as_stored) {
  auto journal = open(lead("a"));
  journal.note({.bytes = 50'000, .bytes_max = 100'000});
  std::vector<change> first, second;
  first.push_back(put("a", std::string(20'000, 'x')));
  ASSERT_FALSE(journal.commit(first));
  EXPECT_TRUE(journal.has_room());
  second.push_back(put("b", std::string(20'000, 'x')));
  ASSERT_FALSE(journal.commit(second));
  EXPECT_FALSE(journal.has_room());
  // etcd's size at this look may lack what it has not yet written to its file.
  journal.note({.bytes = 60'000, .bytes_max = 100'000});
  EXPECT_FALSE(journal.has_room());
  journal.note({.bytes = 70'000, .bytes_max = 100'000});
  EXPECT_TRUE(journal.has_room());
}

}  // namespace
}  // namespace holdfast::server
