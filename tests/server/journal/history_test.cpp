#include "server/journal/history.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::server {
namespace {

change put(std::uint64_t revision, std::size_t bytes = 1) {
  change one;
  one.revision = revision;
  one.key = "k";
  one.value = std::make_shared<std::string const>(bytes, '1');
  return one;
}

void append(history& to, std::uint64_t revision, std::size_t bytes = 1) {
  to.append({.sequence = revision,
             .revision = revision,
             .key = "k",
             .value = std::make_shared<std::string const>(bytes, '1'),
             .expires_at = {}});
}

/// The revisions after one; empty text: some have been forgotten.
std::string after(history const& from, std::uint64_t revision, std::size_t most = 100) {
  std::vector<change> all;
  if (!from.take(revision, most, all)) {
    EXPECT_TRUE(all.empty());
    return "";
  }
  std::string text = ":";
  for (auto const& one : all) text += ' ' + std::to_string(one.revision);
  return text;
}

TEST(a_history, tells_what_follows_a_revision_and_no_more_than_is_asked_for) {
  history all(10, 1'000'000);
  EXPECT_EQ(after(all, 0), ":");
  for (std::uint64_t i = 1; i <= 5; ++i) append(all, i);
  EXPECT_EQ(after(all, 0), ": 1 2 3 4 5");
  EXPECT_EQ(after(all, 2), ": 3 4 5");
  EXPECT_EQ(after(all, 2, 2), ": 3 4");
  EXPECT_EQ(after(all, 5), ":");
  EXPECT_EQ(after(all, 9), ":") << "the future has no changes";
  EXPECT_EQ(all.last_revision(), 5U);
  EXPECT_EQ(all.first_revision(), 1U);
}

TEST(a_history, appends_to_what_the_caller_has) {
  history all(10, 1'000'000);
  append(all, 1);
  append(all, 2);
  std::vector<change> taken;
  EXPECT_TRUE(all.take(0, 1, taken));
  EXPECT_TRUE(all.take(1, 1, taken));
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[1].revision, 2U);
}

TEST(a_history, forgets_the_oldest_beyond_its_number_and_says_so) {
  history all(3, 1'000'000);
  for (std::uint64_t i = 1; i <= 5; ++i) append(all, i);
  EXPECT_EQ(all.first_revision(), 3U);
  EXPECT_EQ(after(all, 1), "") << "2 is missing";
  EXPECT_EQ(after(all, 2), ": 3 4 5");
}

TEST(a_history, forgets_the_oldest_beyond_its_bytes_but_never_the_latest) {
  auto const each = history::bytes_of(put(1, 1000));
  history all(1000, 3 * each);
  for (std::uint64_t i = 1; i <= 5; ++i) append(all, i, 1000);
  EXPECT_EQ(after(all, 2), ": 3 4 5");
  EXPECT_EQ(all.bytes(), 3 * each);
  append(all, 6, 1'000'000);
  EXPECT_EQ(after(all, 5), ": 6");
  EXPECT_EQ(after(all, 4), "");
  append(all, 7, 1000);
  EXPECT_EQ(after(all, 6), ": 7");
  EXPECT_EQ(all.bytes(), each);
}

TEST(a_history, takes_several_changes_at_once_and_passes_over_those_that_are_no_data) {
  history all(3, 1'000'000);
  std::vector<change> some{put(1), put(1), put(2), put(3), put(4)};
  some[1].what = change::kind::touch;
  all.append(some);
  EXPECT_EQ(after(all, 1), ": 2 3 4");
  EXPECT_EQ(all.last_revision(), 4U);
  std::vector<change> touch{put(2)};
  touch[0].what = change::kind::touch;
  all.append(touch);
  EXPECT_EQ(all.last_revision(), 4U);
}

TEST(a_history, that_goes_on_behind_a_revision_knows_nothing_before_it) {
  history all(10, 1'000'000);
  all.start_after(17);
  EXPECT_EQ(after(all, 17), ":");
  EXPECT_EQ(after(all, 16), "");
  EXPECT_EQ(all.first_revision(), 18U);
  append(all, 18);
  EXPECT_EQ(after(all, 17), ": 18");
  EXPECT_EQ(after(all, 16), "");
}

TEST(a_history, rings_each_listener_once_for_what_was_appended_together) {
  struct bell final : history::listener {
    void on_change() noexcept override { ++rung; }
    int rung = 0;
  } one, other;
  history all(10, 1'000'000);
  all.listen(one);
  all.listen(other);
  append(all, 1);
  std::vector<change> some{put(2), put(3)};
  all.append(some);
  EXPECT_EQ(one.rung, 2);
  EXPECT_EQ(other.rung, 2);
}

change touch(std::string key, std::size_t bytes = 1) {
  return {.what = change::kind::touch,
          .key = std::move(key),
          .value = std::make_shared<std::string const>(bytes, '1'),
          .expires_at = {}};
}

/// The touches up to a revision: `a@2` was made after revision 2. Empty: some have been forgotten.
std::string touches_of(history::touch_reader& reader, std::uint64_t until) {
  std::string text = ":";
  for (;;) {
    std::optional<history::touch> next;
    if (!reader.take(until, next)) return "";
    if (!next) return text;
    text += ' ' + next->what.key + '@' + std::to_string(next->after);
  }
}

TEST(touches, are_told_to_their_readers_with_their_places_among_the_changes) {
  history all(100, 1'000'000);
  append(all, 1);
  all.append(touch("nobody reads"));
  std::optional<history::touch_reader> one(std::in_place, all);
  all.append(touch("a"));
  append(all, 2);
  history::touch_reader other(all);
  all.append(touch("b"));
  all.append(touch("a"));
  append(all, 3);
  all.append(touch("c"));
  EXPECT_EQ(after(all, 0), ": 1 2 3") << "watchers hear of no touch";
  EXPECT_EQ(touches_of(*one, 1), ": a@1");
  EXPECT_EQ(touches_of(*one, 1), ":") << "once";
  EXPECT_EQ(touches_of(*one, 2), ": b@2 a@2");
  EXPECT_EQ(touches_of(*one, 9), ": c@3");
  one.reset();
  for (int i = 0; i < 70; ++i) all.append(touch("d"));
  auto const told = touches_of(other, 3);
  EXPECT_TRUE(told.starts_with(": b@2 a@2 c@3 d@3")) << told;
  EXPECT_EQ(std::ranges::count(told, 'd'), 70);
}

TEST(touches, are_bounded_and_dropped_when_nobody_reads_them) {
  history all(10, 1'000'000);
  append(all, 1);
  auto const before = all.bytes();
  {
    history::touch_reader late(all);
    for (int i = 0; i < 10; ++i) all.append(touch("a"));
    all.append(touch("b"));
    EXPECT_EQ(touches_of(late, 1), "") << "the first is missing";
    EXPECT_GT(all.bytes(), before);
  }
  EXPECT_EQ(all.bytes(), before);
  history::touch_reader prompt(all);
  for (int i = 0; i < 30; ++i) {
    all.append(touch("c", 2'000'000));
    EXPECT_EQ(touches_of(prompt, 1), ": c@1") << "the latest stays, however large";
  }
  EXPECT_EQ(after(all, 0), ": 1") << "touches push out no change";
}

}  // namespace
}  // namespace holdfast::server
