#include "server/cluster/warm_copy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/cluster/etcd_journal.hpp"
#include "tests/server/cluster/etcd_process.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

/// What a watcher is told of a change.
struct told {
  change::kind what;
  keyspace space;
  std::uint64_t revision, previous;
  std::string key, value;
  std::optional<change::instant> expires_at;
  bool operator==(told const&) const = default;
};

void PrintTo(told const& one, std::ostream* to) {
  *to << one.revision << ':' << name_of(one.what) << ' ' << one.key << '<' << one.previous << '='
      << one.value.substr(0, 20) << (one.space == keyspace::locks ? " (lock)" : "")
      << (one.expires_at ? " expires" : "");
}

/// Only the first difference is worth reading.
testing::AssertionResult are_same(std::vector<told> const& known, std::vector<told> const& made) {
  auto const [there, wanted] = std::ranges::mismatch(known, made);
  if (there == known.end() && wanted == made.end()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "of " << made.size() << " changes it knows " << known.size() << "; it has "
                                     << (there == known.end() ? "nothing" : testing::PrintToString(*there)) << " for "
                                     << (wanted == made.end() ? "nothing" : testing::PrintToString(*wanted));
}

told told_of(change const& one) {
  return {one.what, one.space, one.revision, one.previous, one.key, one.value ? *one.value : "", one.expires_at};
}

/// Makes changes as a database does.
class changes_maker {
 public:
  change make(change::kind what, std::string const& key, std::string const& value = {},
              keyspace space = keyspace::data) {
    auto& version = versions_[{space, key}];
    change one{.what = what,
               .sequence = ++sequence_,
               .previous = version,
               .key = key,
               .value = {},
               .expires_at = {},
               .space = space};
    auto const has_revision = what != change::kind::touch && space != keyspace::requests;
    one.revision = has_revision ? ++revision_ : what == change::kind::touch ? version : revision_;
    if (what == change::kind::put || space == keyspace::locks) one.value = std::make_shared<std::string const>(value);
    if (what == change::kind::touch) return one;
    version = what == change::kind::put ? one.version() : 0;
    if (has_revision) all_.push_back(told_of(one));
    return one;
  }
  change put(std::string const& key, std::string const& value = "1") { return make(change::kind::put, key, value); }
  change del(std::string const& key) { return make(change::kind::del, key); }

  [[nodiscard]] bool has(std::string const& key, keyspace space = keyspace::data) const {
    auto const found = versions_.find({space, key});
    return found != versions_.end() && found->second != 0;
  }
  [[nodiscard]] std::uint64_t revision() const { return revision_; }

  /// What watchers are told after a revision.
  [[nodiscard]] std::vector<told> after(std::uint64_t revision) const {
    return {all_.begin() + static_cast<std::ptrdiff_t>(revision), all_.end()};
  }

 private:
  std::map<std::pair<keyspace, std::string>, std::uint64_t> versions_;
  std::vector<told> all_;
  std::uint64_t sequence_ = 0, revision_ = 0;
};

class copy_of_a_leader : public testing::Test {
 protected:
  void SetUp() override {
    if (!tests::etcd_process::is_installed()) GTEST_SKIP() << "etcd is not installed (Debian: etcd-server)";
    etcd.emplace();
    settings = etcd->settings();
    settings.history_changes_max = 65'536;
    settings.history_bytes_max = 64 * 1024 * 1024;
    client.emplace(settings.etcd, cancel);
    place = lead("a");
    journal.emplace(settings, place, warm_copy(settings));
    journal->recover([](auto const&) {});
  }

  static etcd_client::clock::time_point soon() { return etcd_client::clock::now() + 20s; }

  leadership lead(std::string const& name) {
    auto const key = settings.candidates() + name;
    auto const term =
        client->transact({}, {{.what = etcd_step::kind::put, .key = key, .value = "http://" + name}}, soon()).revision;
    return {.key = key, .term = term, .valid_until = [] { return etcd_client::clock::now() + 20s; }};
  }

  void commit(std::vector<change> const& batch) {
    auto const error = journal->commit(batch);
    ASSERT_FALSE(error) << error->what();
  }

  /// All keys of the leader, as of now.
  warm_copy loaded() {
    warm_copy copy(settings);
    copy.load(*client, 5s);
    return copy;
  }

  /// The events that a copy lacks of what has been committed.
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
    if (copy.meta_revision() == journal->last_revision()) return;
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
    std::ranges::transform(all, std::back_inserter(text), told_of);
    return text;
  }

  [[nodiscard]] bool has_hidden_changes() {
    return !client->range(settings.hidden_changes_key(), {}, 0, 0, soon()).entries.empty();
  }

  cancel_signal cancel;
  std::optional<tests::etcd_process> etcd;
  std::optional<etcd_client> client;
  cluster_settings settings;
  leadership place;
  std::optional<etcd_journal> journal;
  changes_maker changes;
};

TEST_F(copy_of_a_leader, knows_each_change_since_it_was_made_as_the_leader_told_it) {
  commit({changes.put("a"), changes.put("b")});
  auto copy = loaded();
  EXPECT_EQ(copy.changes().first_revision(), 3U) << "it has not seen earlier ones";
  commit({changes.put("a", "2")});
  commit({changes.put("b", "2"), changes.put("c"), changes.put("b", "3"), changes.del("a"), changes.put("a", "4")});
  commit({changes.make(change::kind::expire, "b")});
  follow(copy);
  EXPECT_EQ(told_by(copy.changes()), changes.after(2));
}

TEST_F(copy_of_a_leader, needs_nothing_more_of_a_commit_that_puts_each_key_once) {
  commit({changes.put("a"), changes.put("b"), changes.make(change::kind::touch, "a"),
          changes.make(change::kind::put, "answer", "1", keyspace::requests)});
  commit({changes.put("a"), changes.put("c")});
  EXPECT_FALSE(has_hidden_changes());
  commit({changes.del("a")});
  EXPECT_TRUE(has_hidden_changes());
}

TEST_F(copy_of_a_leader, knows_what_a_random_leader_has_done) {
  std::mt19937 dice(279);
  auto const roll = [&](unsigned sides) { return dice() % sides; };
  auto copy = loaded();
  auto pieces = 0;
  for (auto round = 0; round < 60; ++round) {
    auto const is_large = roll(8) == 0;
    std::vector<change> batch;
    for (auto count = is_large ? 150 + roll(200) : 1 + roll(8); count > 0; --count) {
      auto const key = std::string(1, static_cast<char>('a' + roll(6))) + (is_large ? std::to_string(roll(90)) : "");
      auto const value = std::to_string(dice());
      switch (changes.has(key) ? roll(8) : 5 + roll(3)) {
        case 0:
          batch.push_back(changes.del(key));
          break;
        case 1:
          batch.push_back(changes.make(change::kind::expire, key));
          break;
        case 2:
          batch.push_back(changes.make(change::kind::touch, key));
          batch.back().expires_at = change::instant(std::chrono::seconds(1'900'000'000 + roll(1000)));
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
          batch.push_back(changes.put(key, value));
      }
    }
    auto const before = journal->last_revision();
    commit(batch);
    pieces += journal->last_revision() > before + 1 ? 1 : 0;
    if (roll(3) == 0) follow(copy);
    if (round == 30) {
      // A server that joins later knows what follows.
      auto late = loaded();
      auto const since = changes.revision();
      commit({changes.put("a"), changes.del("a")});
      follow(late);
      EXPECT_TRUE(are_same(told_by(late.changes()), changes.after(since)));
    }
  }
  follow(copy);
  EXPECT_TRUE(are_same(told_by(copy.changes()), changes.after(0)));
  EXPECT_GT(pieces, 2);
}

TEST_F(copy_of_a_leader, believes_a_large_commit_at_one_moment) {
  commit({changes.put("gone"), changes.put("a")});
  auto copy = loaded();
  // Pieces that an earlier leader wrote and did not commit; the second is overwritten.
  for (auto const* const number : {"0000000001", "0000000007"})
    client->transact({}, {{.what = etcd_step::kind::put, .key = settings.pieces() + number, .value = "p"}}, soon());
  std::vector<change> batch{changes.del("gone")};
  for (auto i = 0; i < 130; ++i) batch.push_back(changes.put("many/" + std::to_string(i), std::string(20'000, 'x')));
  batch.push_back(changes.put("a", "2"));
  batch.push_back(changes.put("a", "3"));
  commit(batch);
  auto const before = changes.revision() - batch.size();
  auto wholes = 0;
  auto events = events_after(copy);
  EXPECT_GT(journal->last_revision() - copy.revision(), 6);
  for (auto const& one : events) {
    if (one.entry.mod_revision <= copy.revision()) continue;
    auto const is_its = [&](auto const& other) { return other.entry.mod_revision == one.entry.mod_revision; };
    std::vector<etcd_event> of_one_revision;
    std::ranges::copy_if(events, std::back_inserter(of_one_revision), is_its);
    copy.apply(of_one_revision);
    auto const known = told_by(copy.changes());
    if (known.empty()) {
      EXPECT_EQ(wholes, 0) << copy.revision();
      EXPECT_EQ(copy.changes().last_revision(), before) << copy.revision();
    } else {
      EXPECT_TRUE(are_same(known, changes.after(before))) << copy.revision();
      ++wholes;
    }
  }
  EXPECT_GT(wholes, 1) << "also while its pieces are applied";
}

TEST_F(copy_of_a_leader, forgets_all_when_it_does_not_know_a_change) {
  auto copy = loaded();
  commit({changes.put("a")});
  commit({changes.put("a"), changes.put("a")});
  commit({changes.put("b")});
  auto events = events_after(copy);
  std::erase_if(events, [&](auto const& one) { return one.entry.key == settings.hidden_changes_key(); });
  copy.apply(events);
  EXPECT_EQ(told_by(copy.changes()), changes.after(3)) << "1 is known, and 3, but not 2";
  EXPECT_EQ(copy.changes().first_revision(), 4U);
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
  // A commit in pieces that are larger is not read at all.
  std::vector<change> large;
  for (auto i = 0; i < 130; ++i) large.push_back(changes.put("many/" + std::to_string(i), std::string(100, 'x')));
  commit(large);
  follow(small);
  EXPECT_EQ(small.changes().first_revision(), changes.revision() + 1);
}

TEST_F(copy_of_a_leader, gives_the_changes_to_the_next_leader) {
  auto copy = loaded();
  commit({changes.put("a"), changes.put("a", "2"), changes.put("b")});
  follow(copy);
  // The last commits of a leader may not have arrived when the next one begins.
  commit({changes.del("a"), changes.put("c")});
  commit({changes.put("c", "2")});
  client->transact({}, {{.what = etcd_step::kind::remove, .key = place.key}}, soon());
  etcd_journal next(settings, lead("b"), std::move(copy));
  next.recover([](auto const&) {});
  EXPECT_EQ(told_by(next.take_recent_changes()), changes.after(0));
  EXPECT_TRUE(next.take_recent_changes().empty());
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
  client->transact({}, {{.what = etcd_step::kind::remove, .key = place.key}}, soon());
  place = lead("b");
  journal.emplace(settings, place, warm_copy(settings));
  journal->recover([](auto const&) {});
  commit({changes.put("a", "new")});
  ASSERT_EQ(copy.meta_revision(), journal->last_revision());
  for (auto const more : {0, 3}) {
    for (auto i = 0; i < more; ++i) commit({changes.put("b")});
    etcd_journal next(settings, lead("c" + std::to_string(more)), std::move(more == 0 ? copy : same));
    EXPECT_FALSE(next.came_from_copy());
    std::map<std::string, std::string> found;
    next.recover([&](recovered_entry const& one) { found[std::string(one.key)] = one.value; });
    EXPECT_EQ(found.at("a"), "new");
    EXPECT_TRUE(next.take_recent_changes().empty());
  }
}

// etcd's data were sound, and the server ended with the advice to restore a snapshot.
TEST_F(copy_of_a_leader, that_is_not_what_was_committed_is_replaced_by_what_is_in_etcd) {
  commit({changes.put("a"), changes.put("b")});
  auto copy = loaded();
  auto const entry =
      client->range(settings.entries() + record::tag_of(keyspace::data) + "a", {}, 0, 0, soon()).entries.at(0);
  std::vector<etcd_event> wrong{{.entry = {.key = settings.entries() + record::tag_of(keyspace::data) + "c",
                                           .value = entry.value,
                                           .mod_revision = copy.revision() + 1}}};
  copy.apply(wrong);
  client->transact({}, {{.what = etcd_step::kind::remove, .key = place.key}}, soon());
  etcd_journal next(settings, lead("b"), std::move(copy));
  std::vector<std::string> keys;
  next.recover([&](recovered_entry const& one) { keys.emplace_back(one.key); });
  EXPECT_EQ(keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(next.came_from_copy());
  EXPECT_TRUE(next.take_recent_changes().empty());
}

TEST_F(copy_of_a_leader, that_lacks_compacted_commits_gives_the_next_leader_no_changes) {
  auto copy = loaded();
  commit({changes.put("a")});
  follow(copy);
  commit({changes.put("a", "2")});
  commit({changes.put("a", "3")});
  client->compact(journal->last_revision(), soon());
  client->transact({}, {{.what = etcd_step::kind::remove, .key = place.key}}, soon());
  etcd_journal next(settings, lead("b"), std::move(copy));
  std::string value;
  next.recover([&](recovered_entry const& one) { value = one.value; });
  EXPECT_EQ(value, "3");
  EXPECT_TRUE(next.take_recent_changes().empty());
}

// After a page that could not be read, the next attempt followed the events from there on and took the pages that it
// had for everything. A leader with such a copy found its data damaged.
TEST_F(copy_of_a_leader, that_could_be_loaded_only_in_part_is_empty) {
  std::vector<change> small;
  for (auto i = 0; i < 72; ++i) small.push_back(changes.put("a" + std::to_string(i)));
  commit(small);
  for (auto i = 0; i < 8; ++i) commit({changes.put("b" + std::to_string(i), std::string(1024 * 1024, 'x'))});
  auto copy = loaded();
  EXPECT_EQ(copy.entries().size(), 80U);
  // Enough for the first page, and not for one of megabytes.
  EXPECT_THROW(copy.load(*client, 10ms), etcd_error);
  EXPECT_EQ(copy.revision(), 0);
  EXPECT_TRUE(copy.entries().empty());
  EXPECT_EQ(copy.meta_revision(), 0);
}

TEST_F(copy_of_a_leader, knows_what_follows_across_leaders) {
  auto copy = loaded();
  std::vector<change> large;
  for (auto i = 0; i < 300; ++i) large.push_back(changes.put(std::to_string(i % 200), std::to_string(i)));
  commit(large);
  client->transact({}, {{.what = etcd_step::kind::remove, .key = place.key}}, soon());
  journal.emplace(settings, lead("b"), warm_copy(settings));
  journal->recover([](auto const&) {});
  EXPECT_TRUE(journal->take_recent_changes().empty()) << "it was not there before";
  commit({changes.del("7"), changes.put("8")});
  follow(copy);
  EXPECT_EQ(told_by(copy.changes()), changes.after(0));
}

}  // namespace
}  // namespace holdfast::server
