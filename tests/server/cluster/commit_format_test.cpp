#include "server/cluster/commit_format.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::server {
namespace {

change a_put() {
  return {.what = change::kind::put,
          .sequence = 111,
          .revision = 11,
          .previous = 3,
          .key = std::string("a\0b", 3),
          .value = std::make_shared<std::string const>("[1]"),
          .expires_at = change::instant(std::chrono::milliseconds(1'900'000'000'123))};
}

std::string text_of(change const& one) {
  std::string text;
  append_change(text, one);
  return text;
}

log_record a_record() {
  return {.what = log_record::kind::commit,
          .head = {.database = 1, .sequence = 2, .revision = 3, .entries = 4, .fingerprint = 5, .committed_at = {}},
          .term = 6,
          .first = 7,
          .pieces = 8,
          .changes = "changes"};
}

TEST(a_change_in_the_log, comes_back_as_it_was) {
  auto const put = a_put();
  auto removal = put;
  removal.what = change::kind::expire;
  removal.value = nullptr;
  removal.expires_at.reset();
  auto ticket = put;
  ticket.what = change::kind::del;
  ticket.space = keyspace::locks;
  auto const all = read_changes(text_of(put) + text_of(removal) + text_of(ticket));
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3U);
  auto read_one = all->begin();
  for (auto const* const one : std::vector<change const*>{&put, &removal, &ticket}) {
    auto const& read = *read_one++;
    EXPECT_EQ(read.what, one->what);
    EXPECT_EQ(read.space, one->space);
    EXPECT_EQ(read.sequence, one->sequence);
    EXPECT_EQ(read.revision, one->revision);
    EXPECT_EQ(read.previous, one->previous);
    EXPECT_EQ(read.key, one->key);
    EXPECT_EQ(read.expires_at, one->expires_at);
    EXPECT_EQ(read.value != nullptr, one->value != nullptr);
    EXPECT_EQ(read.value ? *read.value : "", one->value ? *one->value : "");
  }
}

TEST(a_change_in_the_log, that_is_a_touch_has_no_value) {
  auto touch = a_put();
  touch.what = change::kind::touch;
  auto const all = read_changes(text_of(touch));
  ASSERT_TRUE(all);
  EXPECT_EQ(all->at(0).what, change::kind::touch);
  EXPECT_EQ(all->at(0).expires_at, touch.expires_at);
  EXPECT_FALSE(all->at(0).value);
}

TEST(a_change_in_the_log, that_is_not_understood_is_refused_with_all_others) {
  auto const good = text_of(a_put());
  ASSERT_TRUE(read_changes(good + good));
  for (std::size_t at = 0; at < 3; ++at) {
    auto other = good;
    other[at] = 77;
    EXPECT_FALSE(read_changes(good + other)) << at;
  }
  for (std::size_t bytes = 1; bytes < good.size(); ++bytes) EXPECT_FALSE(read_changes(good.substr(0, bytes))) << bytes;
}

TEST(a_record_of_the_log, comes_back_as_it_was) {
  for (auto const what : {log_record::kind::commit, log_record::kind::piece}) {
    auto record = a_record();
    record.what = what;
    auto const text = write_record(record);
    auto const read = read_record(text);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->what, what);
    EXPECT_EQ(read->head, record.head);
    EXPECT_EQ(read->term, 6);
    EXPECT_EQ(read->first, 7U);
    EXPECT_EQ(read->pieces, 8U);
    EXPECT_EQ(read->changes, "changes");
  }
}

TEST(a_record_of_the_log, that_is_not_understood_is_refused) {
  auto record = a_record();
  record.changes = {};
  auto const good = write_record(record);
  for (std::size_t bytes = 0; bytes < good.size(); ++bytes) EXPECT_FALSE(read_record(good.substr(0, bytes))) << bytes;
  for (std::size_t const at : {0, 1, 6}) {
    auto other = good;
    other[at] = 77;
    EXPECT_FALSE(read_record(other)) << at;
  }
}

}  // namespace
}  // namespace holdfast::server
