#include "server/store/outcome_codec.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

json_text text(char const* value) {
  return std::make_shared<std::string const>(value);
}

moment const then{expiry_time(100h), std::chrono::system_clock::time_point(1'700'000'000s)};

/// As in another process: its steady clock began elsewhere, and a minute has passed.
moment const later{expiry_time(1h), then.wall + 1min};

template <class Outcome>
Outcome sent(Outcome const& one) {
  auto const bytes = encode_outcome({.fingerprint = {1, 2, 3}, .outcome = one, .revision = 300}, then);
  auto const got = decode_outcome(bytes, later);
  EXPECT_TRUE(got);
  EXPECT_EQ(got->fingerprint, (std::array<std::uint8_t, 16>{1, 2, 3}));
  EXPECT_EQ(got->revision, 300U);
  return std::get<Outcome>(got->outcome);
}

TEST(outcome_codec, keeps_what_came_of_one_key) {
  auto const found = sent(value_found{text("\"a\""), 1ull << 40, then.steady + 1h});
  EXPECT_EQ(*found.value, "\"a\"");
  EXPECT_EQ(found.revision, 1ull << 40);
  EXPECT_EQ(found.expires, later.steady + 59min) << "an instant stays where it is while no process runs";

  auto const stored = sent(value_stored{7, true, nullptr, text("gone"), no_expiry});
  EXPECT_EQ(stored.revision, 7U);
  EXPECT_TRUE(stored.created);
  EXPECT_EQ(stored.value, nullptr);
  EXPECT_EQ(stored.replaced, nullptr) << "no answer shows it";
  EXPECT_EQ(stored.expires, no_expiry);

  EXPECT_EQ(*sent(value_deleted{8, text("1")}).removed, "1");
  EXPECT_EQ(sent(value_touched{text("1"), 9, no_expiry}).revision, 9U);
  EXPECT_EQ(sent(not_modified{10, no_expiry}).revision, 10U);
  sent(no_such_key{});

  auto const failed = sent(condition_failed{11, true, false});
  EXPECT_EQ(failed.revision, 11U);
  EXPECT_TRUE(failed.must_be_new);
  EXPECT_FALSE(failed.had_weak_tag);

  auto const refused = sent(value_refused{protocol::errc::out_of_range, "too much"});
  EXPECT_EQ(refused.code, protocol::errc::out_of_range);
  EXPECT_EQ(refused.detail, "too much");
}

TEST(outcome_codec, keeps_what_came_of_several_keys) {
  auto const range = sent(range_deleted{2, "b", {text("1"), text("2")}});
  EXPECT_EQ(range.count, 2U);
  EXPECT_TRUE(range.removed.empty()) << "no answer shows them";
  EXPECT_EQ(range.next, "b");

  listing page;
  page.keys = "a/aa/b";
  page.entries = {{0, 3, 4, text("1"), no_expiry}};
  page.groups = {{3, 3, 0, nullptr, no_expiry}};
  page.next = "a/b";
  auto const whole = std::make_shared<transaction_outcome>();
  whole->failed_checks = {{3, 4}};
  whole->results = {value_found{text("1"), 1, no_expiry}, page};
  whole->failed_step = 1;
  auto const got = sent(transaction_done{whole, {}});
  EXPECT_EQ(got->failed_checks.at(0).index, 3U);
  EXPECT_EQ(got->failed_checks.at(0).revision, 4U);
  EXPECT_EQ(got->failed_step, 1U);
  auto const& list = std::get<listing>(got->results.at(1));
  EXPECT_EQ(list.key_of(list.entries.at(0)), "a/a");
  EXPECT_EQ(list.key_of(list.groups.at(0)), "a/b");
  EXPECT_EQ(list.next, "a/b");
}

// A list without values shows only their sizes.
TEST(outcome_codec, keeps_the_sizes_of_values_that_a_list_does_not_show) {
  listing page;
  page.keys = "ab";
  page.entries = {{0, 1, 4, nullptr, then.steady + 1h, 1'000'000}, {1, 1, 5, nullptr, no_expiry, 3}};
  page.groups = {{0, 2, 0, nullptr, no_expiry}};
  page.next = "b";
  auto const got = sent(page);
  ASSERT_EQ(got.entries.size(), 2U);
  EXPECT_EQ(got.entries[0].bytes, 1'000'000U);
  EXPECT_EQ(got.entries[0].expires, later.steady + 59min);
  EXPECT_EQ(got.entries[1].value, nullptr);
  EXPECT_EQ(got.entries[1].bytes, 3U);
  EXPECT_EQ(got.key_of(got.entries[1]), "b");
  EXPECT_EQ(got.groups.size(), 1U);
  EXPECT_EQ(got.next, "b");
}

/// Decodes an outcome as it stands in a data directory, after its version, fingerprint and revision.
template <class Outcome>
Outcome kept(std::string_view bytes) {
  auto const got = decode_outcome('\1' + std::string(16, 'f') + '\7' + std::string(bytes), later);
  EXPECT_TRUE(got);
  EXPECT_EQ(got->revision, 7U);
  return std::get<Outcome>(got->outcome);
}

// Records of earlier versions have values that no answer shows. Their bytes are never to be changed.
TEST(outcome_codec, reads_what_earlier_versions_have_written) {
  using namespace std::string_view_literals;
  EXPECT_EQ(*kept<value_stored>("\3\7\1\1\2{}\0"sv).value, "{}");
  EXPECT_EQ(*kept<value_deleted>("\4\7\1\1"
                                 "1"sv)
                 .removed,
            "1");
  auto const touched = kept<value_touched>("\5\1\2{}\6\0"sv);
  EXPECT_EQ(*touched.value, "{}");
  EXPECT_EQ(touched.revision, 6U);
  auto const range = kept<range_deleted>(
      "\12\2\1\1"
      "b"sv);
  EXPECT_EQ(range.count, 2U);
  EXPECT_EQ(range.next, "b");
  auto const all = kept<transaction_done>(
      "\13\0\2\1\1\1"
      "5\4\0\11\1\1"
      "a\4\1\1"
      "5\0\0\0\0"sv);
  ASSERT_EQ(all->results.size(), 2U);
  EXPECT_EQ(*std::get<value_found>(all->results[0]).value, "5");
  auto const& page = std::get<listing>(all->results[1]);
  EXPECT_EQ(page.key_of(page.entries.at(0)), "a");
  EXPECT_EQ(*page.entries[0].value, "5");
  EXPECT_FALSE(all->failed_step);
}

TEST(outcome_codec, takes_nothing_that_is_cut_or_longer_or_of_another_version) {
  auto const whole = std::make_shared<transaction_outcome>();
  whole->results = {value_found{text("1"), 1, then.steady}, value_refused{protocol::errc::out_of_range, "x"}};
  auto const bytes = encode_outcome({.fingerprint = {}, .outcome = transaction_done{whole, {}}, .revision = 1}, then);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_outcome(std::string_view(bytes).substr(0, size), then)) << size;
  EXPECT_FALSE(decode_outcome(bytes + '\0', then));
  auto other = bytes;
  other[0] = 2;
  EXPECT_FALSE(decode_outcome(other, then));
  // With any byte changed, the result is a valid outcome or none.
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (auto const byte : {'\0', '\x7f', '\x80', '\xff'}) {
      other = bytes;
      other[at] = byte;
      static_cast<void>(decode_outcome(other, then));
    }
}

}  // namespace
}  // namespace holdfast::server
