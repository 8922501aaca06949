#include "server/cluster/commit_format.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::server {
namespace {

/// A commit after revision 10, when a had revision 3 and b had 7.
class a_commit : public testing::Test {
 protected:
  static change make(change::kind what, std::uint64_t revision, std::string const& key, std::uint64_t previous) {
    change one{.what = what,
               .sequence = 100 + revision,
               .revision = revision,
               .previous = previous,
               .key = key,
               .value = {},
               .expires_at = {}};
    if (what == change::kind::put) one.value = std::make_shared<std::string const>(std::to_string(revision));
    return one;
  }

  void writes(change const& one) {
    auto& bytes = entries_[std::string(1, record::tag_of(one.space)) + one.key];
    record::write_entry_prefix(bytes, one);
    bytes += *one.value;
  }
  void hides(change const& one) { append_change(hidden_, one); }

  /// As `revision:kind key<previous=value`, or "unknown".
  std::string shows(std::uint64_t until) const {
    std::vector<written_entry> entries;
    for (auto const& [key, bytes] : entries_) entries.push_back({key, bytes});
    auto const all = changes_of_commit(entries, hidden_, 10, until, [](std::string_view key) {
      return std::uint64_t(key == "ea" ? 3 : key == "eb" ? 7 : 0);
    });
    if (!all) return "unknown";
    std::string text;
    for (auto const& one : *all) {
      (text += text.empty() ? "" : " ") += std::to_string(one.revision) + ':' + std::string(name_of(one.what)) + ' ' +
                                           one.key + '<' + std::to_string(one.previous);
      if (one.value) (text += '=') += *one.value;
    }
    return text;
  }

 private:
  std::map<std::string, std::string> entries_;
  std::string hidden_;
};

TEST_F(a_commit, of_one_change_a_key_is_told_from_its_entries_in_the_order_of_revisions) {
  writes(make(change::kind::put, 12, "a", 3));
  writes(make(change::kind::put, 11, "b", 7));
  writes(make(change::kind::put, 13, "c", 0));
  EXPECT_EQ(shows(13), "11:put b<7=11 12:put a<3=12 13:put c<0=13");
}

TEST_F(a_commit, tells_each_change_of_a_key_that_has_changed_several_times) {
  hides(make(change::kind::put, 11, "a", 3));
  hides(make(change::kind::del, 12, "a", 11));
  hides(make(change::kind::put, 13, "a", 0));
  writes(make(change::kind::put, 14, "a", 13));
  hides(make(change::kind::expire, 15, "b", 7));
  writes(make(change::kind::put, 16, "b", 0));
  EXPECT_EQ(shows(16), "11:put a<3=11 12:delete a<11 13:put a<0=13 14:put a<13=14 15:expire b<7 16:put b<0=16");
}

TEST_F(a_commit, that_lacks_a_change_tells_none) {
  writes(make(change::kind::put, 11, "a", 3));
  writes(make(change::kind::put, 13, "b", 7));
  EXPECT_EQ(shows(13), "unknown") << "12 is hidden";
  EXPECT_EQ(shows(14), "unknown") << "12 and 14 are";
  hides(make(change::kind::del, 13, "c", 2));
  EXPECT_EQ(shows(13), "unknown") << "13 is there twice";
}

TEST_F(a_commit, whose_hidden_changes_are_not_understood_tells_none) {
  auto const good = [] {
    std::string text;
    append_change(text, make(change::kind::del, 11, "a", 3));
    return text;
  }();
  auto const shown = [](std::string const& text) {
    return changes_of_commit({}, text, 10, 11, [](std::string_view) { return 0; }).has_value();
  };
  EXPECT_TRUE(shown(good));
  for (std::size_t at = 0; at < 4; ++at) {
    auto other = good;
    other[at] = 77;
    EXPECT_FALSE(shown(other)) << at;
  }
  EXPECT_FALSE(shown(good.substr(0, 20)));
}

TEST_F(a_commit, changes_of_locks_and_expiries_come_back_as_they_were) {
  auto const at = change::instant(std::chrono::milliseconds(1'900'000'000'123));
  auto ticket = make(change::kind::del, 11, "lock\ntoken", 99);
  ticket.space = keyspace::locks;
  ticket.value = std::make_shared<std::string const>("{}");
  ticket.expires_at = at;
  hides(ticket);
  auto data = make(change::kind::put, 12, "a", 3);
  data.expires_at = at;
  writes(data);
  std::string hidden, entry;
  append_change(hidden, ticket);
  record::write_entry_prefix(entry, data);
  std::vector<written_entry> const entries{{"ea", entry}};
  auto const all = changes_of_commit(entries, hidden, 10, 12, [](std::string_view) { return 3; });
  ASSERT_TRUE(all);
  auto const& first = all->at(0);
  EXPECT_EQ(first.what, change::kind::del);
  EXPECT_EQ(first.space, keyspace::locks);
  EXPECT_EQ(first.sequence, 111);
  EXPECT_EQ(first.previous, 99);
  EXPECT_EQ(first.key, "lock\ntoken");
  EXPECT_EQ(*first.value, "{}");
  EXPECT_EQ(first.expires_at, at);
  EXPECT_EQ(all->at(1).expires_at, at);
}

TEST_F(a_commit, in_pieces_comes_back_as_it_was) {
  commit_contents const contents{.steps = {{.what = etcd_step::kind::put, .key = "a", .value = std::string("1\0", 2)},
                                           {.what = etcd_step::kind::remove, .key = "b"}},
                                 .hidden_changes = "c"};
  auto const read = read_pieces(write_pieces(contents));
  ASSERT_EQ(read.steps.size(), 2U);
  EXPECT_EQ(read.steps[0].key, "a");
  EXPECT_EQ(read.steps[0].value, std::string("1\0", 2));
  EXPECT_EQ(read.steps[0].what, etcd_step::kind::put);
  EXPECT_EQ(read.steps[1].key, "b");
  EXPECT_EQ(read.steps[1].what, etcd_step::kind::remove);
  EXPECT_EQ(read.hidden_changes, "c");
}

}  // namespace
}  // namespace holdfast::server
