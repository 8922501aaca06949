#include "server/journal/record_codec.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

namespace holdfast::server {
namespace {

change put(std::string key, std::uint64_t revision, std::uint64_t previous = 0) {
  change made;
  made.key = std::move(key);
  made.sequence = made.revision = revision;
  made.previous = previous;
  made.value = std::make_shared<std::string const>("1");
  return made;
}

change::instant at(std::int64_t nanoseconds) {
  return change::instant(std::chrono::duration_cast<change::instant::duration>(std::chrono::nanoseconds(nanoseconds)));
}

TEST(record_codec, an_entry_is_read_as_it_was_written) {
  for (auto const expires_at : {std::optional<change::instant>{}, std::optional(at(0)), std::optional(at(-5)),
                                std::optional(at(1'800'000'000'123'456'789))}) {
    auto made = put("key", 0x0123456789abcdef);
    made.expires_at = expires_at;
    std::string bytes;
    record::write_entry_prefix(bytes, made);
    bytes += "{\"a\":1}";
    auto const read = record::read_entry(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->version, 0x0123456789abcdefu);
    EXPECT_EQ(read->expires_at, expires_at);
    EXPECT_EQ(read->text, "{\"a\":1}");
  }
}

// A later version may add kinds, flags and fields: this one must not mistake them for known ones.
TEST(record_codec, what_another_version_has_written_is_not_read) {
  std::string bytes;
  record::write_entry_prefix(bytes, put("key", 1));
  for (char const version : {'\0', '\2', '\x7f'}) {
    bytes[0] = version;
    EXPECT_FALSE(record::read_entry(bytes));
  }
  bytes[0] = 1;
  ASSERT_TRUE(record::read_entry(bytes));
  bytes[1] = 4;
  EXPECT_FALSE(record::read_entry(bytes)) << "a flag that is unknown";
  bytes[1] = 1;
  EXPECT_FALSE(record::read_entry(bytes)) << "no room for the instant that the flags promise";
  EXPECT_FALSE(record::read_entry(""));
  std::string head;
  record::write_head(head, {});
  EXPECT_FALSE(record::read_head(head + '\0'));
  head[0] = 2;
  EXPECT_FALSE(record::read_head(head));
}

TEST(record_codec, a_head_is_read_as_it_was_written) {
  record::head const written{.database = 0xfedcba9876543210,
                             .sequence = 2,
                             .revision = 3,
                             .entries = 4,
                             .fingerprint = 0xffffffffffffffff,
                             .committed_at = at(1'800'000'000'000'000'000)};
  std::string bytes;
  record::write_head(bytes, written);
  EXPECT_EQ(record::read_head(bytes), written);
}

TEST(record_codec, a_touch_changes_when_an_entry_expires_and_nothing_else) {
  std::string entry, touch, merged;
  auto made = put("key", 17);
  made.expires_at = at(1'000);
  record::write_entry_prefix(entry, made);
  entry += "text";
  made.what = change::kind::touch;
  made.expires_at = at(2'000);
  record::write_entry_prefix(touch, made);
  ASSERT_TRUE(record::merge_touch(entry, touch, merged));
  auto const read = record::read_entry(merged);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->version, 17u);
  EXPECT_EQ(read->expires_at, at(2'000));
  EXPECT_EQ(read->text, "text");
  made.expires_at.reset();
  record::write_entry_prefix(touch, made);
  ASSERT_TRUE(record::merge_touch(entry, touch, merged));
  EXPECT_EQ(record::read_entry(merged)->expires_at, std::nullopt) << "touched to live forever";
  EXPECT_FALSE(record::merge_touch(touch, touch, merged)) << "a touch is no entry";
  EXPECT_FALSE(record::merge_touch(entry, entry, merged)) << "an entry is no touch";
}

TEST(record_codec, the_head_tells_states_apart_whatever_way_led_there) {
  record::head one, other;
  record::count(one, put("a", 1));
  record::count(one, put("b", 2));
  record::count(one, put("a", 3, 1));
  record::count(other, put("b", 2));
  record::count(other, put("a", 3));
  EXPECT_EQ(one.entries, 2u);
  EXPECT_EQ(one.fingerprint, other.fingerprint);
  EXPECT_EQ(one.revision, 3u);

  auto swapped = record::head{};
  record::count(swapped, put("a", 2));
  record::count(swapped, put("b", 3));
  EXPECT_NE(swapped.fingerprint, one.fingerprint);

  auto gone = put("a", 4, 3);
  gone.what = change::kind::expire;
  record::count(one, gone);
  gone = put("b", 5, 2);
  gone.what = change::kind::del;
  record::count(one, gone);
  EXPECT_EQ(one.entries, 0u);
  EXPECT_EQ(one.fingerprint, 0u);
  EXPECT_EQ(one.revision, 5u);
}

TEST(witness, belongs_to_one_database_and_notices_every_flipped_byte) {
  auto const bytes = witness::write(0xabcdef, 17'201);
  ASSERT_EQ(bytes.size(), 16u);
  EXPECT_EQ(witness::read(0xabcdef, bytes), 17'201u);
  EXPECT_FALSE(witness::read(0xabcdee, bytes));
  EXPECT_FALSE(witness::read(0xabcdef, bytes.substr(1)));
  for (auto flipped = bytes; auto& byte : flipped) {
    for (int bit = 0; bit < 8; ++bit) {
      byte = static_cast<char>(byte ^ 1 << bit);
      EXPECT_FALSE(witness::read(0xabcdef, flipped));
      byte = static_cast<char>(byte ^ 1 << bit);
    }
  }
}

}  // namespace
}  // namespace holdfast::server
