#include "server/store/database.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>

#include "protocol/utf8.hpp"
#include "tests/server/store/database_model.hpp"
#include "tests/server/store/outcomes.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using namespace std::chrono_literals;

TEST(database, finds_what_was_put) {
  database data;
  data.apply(put_operation{"k", text("1")});
  auto const found = get_as<value_found>(data.apply(get_operation{"k"}));
  EXPECT_EQ(*found.value, "1");
  EXPECT_EQ(found.revision, 1U);
}

TEST(database, tells_a_new_key_from_a_replaced_one_and_hands_out_what_stood_there) {
  database data;
  auto const first = get_as<value_stored>(data.apply(put_operation{"k", text("1")}));
  EXPECT_TRUE(first.created);
  EXPECT_EQ(first.replaced, nullptr);
  auto const second = get_as<value_stored>(data.apply(put_operation{"k", text("2")}));
  EXPECT_FALSE(second.created);
  EXPECT_EQ(*second.replaced, "1");
  EXPECT_EQ(data.size(), 1U);
}

TEST(database, every_change_and_nothing_else_raises_the_revision) {
  database data;
  data.apply(get_operation{"k"});
  data.apply(delete_operation{"k"});
  EXPECT_EQ(data.revision(), 0U);
  data.apply(put_operation{"k", text("1")});
  data.apply(put_operation{"other", text("1")});
  data.apply(get_operation{"k"});
  EXPECT_EQ(data.revision(), 2U);
  data.apply(delete_operation{"k"});
  EXPECT_EQ(data.revision(), 3U);
}

TEST(database, each_key_remembers_the_revision_of_its_own_last_change) {
  database data;
  data.apply(put_operation{"a", text("1")});
  data.apply(put_operation{"b", text("1")});
  EXPECT_EQ(get_as<value_found>(data.apply(get_operation{"a"})).revision, 1U);
  EXPECT_EQ(get_as<value_found>(data.apply(get_operation{"b"})).revision, 2U);
}

TEST(database, a_deleted_key_is_gone_and_comes_back_as_new) {
  database data;
  data.apply(put_operation{"k", text("1")});
  EXPECT_EQ(*get_as<value_deleted>(data.apply(delete_operation{"k"})).removed, "1");
  EXPECT_TRUE(std::holds_alternative<no_such_key>(data.apply(get_operation{"k"})));
  EXPECT_TRUE(std::holds_alternative<no_such_key>(data.apply(delete_operation{"k"})));
  EXPECT_TRUE(get_as<value_stored>(data.apply(put_operation{"k", text("2")})).created);
}

TEST(database, a_reader_keeps_its_value_when_the_key_changes) {
  database data;
  data.apply(put_operation{"k", text("1")});
  auto const found = get_as<value_found>(data.apply(get_operation{"k"}));
  data.apply(put_operation{"k", text("2")});
  data.apply(delete_operation{"k"});
  EXPECT_EQ(*found.value, "1");
}

// --- how much it takes ---------------------------------------------------------------------------------------------

TEST(bytes_of_a_database, are_those_of_its_keys_and_values) {
  database data;
  EXPECT_EQ(data.bytes(), 0U);
  data.apply(put_operation{"k", text_of(100)});
  EXPECT_EQ(data.bytes(), database::bytes_of(1, 100));
  data.apply(put_operation{"other", text_of(50)});
  EXPECT_EQ(data.bytes(), database::bytes_of(1, 100) + database::bytes_of(5, 50));
  data.apply(get_operation{"k"});
  EXPECT_EQ(data.bytes(), database::bytes_of(1, 100) + database::bytes_of(5, 50));
}

TEST(bytes_of_a_database, follow_what_replaces_a_value) {
  database data;
  data.apply(put_operation{"k", text_of(100)});
  data.apply(put_operation{"k", text_of(300)});
  EXPECT_EQ(data.bytes(), database::bytes_of(1, 300));
  data.apply(put_operation{"k", text_of(20)});
  EXPECT_EQ(data.bytes(), database::bytes_of(1, 20));
}

TEST(bytes_of_a_database, go_with_what_is_deleted) {
  database data;
  data.apply(put_operation{"k", text_of(100)});
  data.apply(put_operation{"other", text_of(50)});
  data.apply(delete_operation{"k"});
  EXPECT_EQ(data.bytes(), database::bytes_of(5, 50));
  data.apply(delete_operation{"k"});
  EXPECT_EQ(data.bytes(), database::bytes_of(5, 50)) << "once";
  data.apply(delete_operation{"other"});
  EXPECT_EQ(data.bytes(), 0U);
}

TEST(a_full_database, takes_what_fits_to_the_byte) {
  database data(database::bytes_of(1, 100) + database::bytes_of(2, 50));
  EXPECT_TRUE(std::holds_alternative<value_stored>(data.apply(put_operation{"k", text_of(100)})));
  EXPECT_TRUE(std::holds_alternative<no_room>(data.apply(put_operation{"kk", text_of(51)})));
  EXPECT_TRUE(std::holds_alternative<value_stored>(data.apply(put_operation{"kk", text_of(50)})));
}

TEST(a_full_database, is_as_it_was_after_a_refusal) {
  database data(database::bytes_of(1, 100));
  data.apply(put_operation{"k", text_of(100)});
  EXPECT_TRUE(std::holds_alternative<no_room>(data.apply(put_operation{"other", text_of(0)})));
  EXPECT_TRUE(std::holds_alternative<no_room>(data.apply(put_operation{"k", text_of(101)})));
  EXPECT_EQ(data.bytes(), database::bytes_of(1, 100));
  EXPECT_EQ(data.size(), 1U);
  EXPECT_EQ(data.revision(), 1U);
  EXPECT_EQ(data.find("other"), nullptr);
  EXPECT_EQ(data.find("k")->value->size(), 100U);
  EXPECT_EQ(data.find("k")->revision, 1U);
}

TEST(a_full_database, takes_what_needs_no_more_than_what_it_replaces) {
  database data(database::bytes_of(1, 100));
  data.apply(put_operation{"k", text_of(100)});
  EXPECT_TRUE(std::holds_alternative<value_stored>(data.apply(put_operation{"k", text_of(100)})));
  EXPECT_TRUE(std::holds_alternative<value_stored>(data.apply(put_operation{"k", text_of(99)})));
  EXPECT_TRUE(std::holds_alternative<value_stored>(data.apply(put_operation{"k", text_of(100)})));
}

TEST(a_full_database, has_room_again_for_what_was_deleted) {
  database data(database::bytes_of(1, 100));
  data.apply(put_operation{"k", text_of(100)});
  data.apply(delete_operation{"k"});
  EXPECT_TRUE(std::holds_alternative<value_stored>(data.apply(put_operation{"o", text_of(100)})));
}

TEST(bytes_of_a_database, are_what_a_recount_finds_whatever_was_done) {
  constexpr std::uint64_t bytes_max = 8000;
  database data(bytes_max);
  std::map<std::string, std::size_t> recount;  // the values' sizes
  std::mt19937 random(7);
  int refusals = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto const key = std::string(random() % 20, 'k') + std::to_string(random() % 3);
    if (random() % 3 == 0) {
      auto const deleted = data.apply(delete_operation{key});
      EXPECT_EQ(std::holds_alternative<value_deleted>(deleted), recount.erase(key) == 1);
    } else {
      std::size_t const bytes = random() % 800;
      auto const stored = std::holds_alternative<value_stored>(data.apply(put_operation{key, text_of(bytes)}));
      if (stored) recount[key] = bytes;
      refusals += stored ? 0 : 1;
    }
    std::uint64_t sum = 0;
    for (auto const& [one, size] : recount) sum += database::bytes_of(one.size(), size);
    ASSERT_EQ(data.bytes(), sum) << i;
    ASSERT_LE(sum, bytes_max) << i;
    ASSERT_EQ(data.size(), recount.size()) << i;
  }
  EXPECT_GT(refusals, 100) << "it was full now and then";
}

// --- conditions (RFC 9110 §13.2.2) --------------------------------------------------------------------------------

conditions_pointer if_match(tag_list list) {
  auto made = std::make_shared<conditions>();
  made->if_match = std::move(list);
  return made;
}
conditions_pointer if_none_match(tag_list list) {
  auto made = std::make_shared<conditions>();
  made->if_none_match = std::move(list);
  return made;
}
tag_list any() {
  return {.any = true, .has_weak = false, .strong = {}, .weak = {}};
}
tag_list strong(std::vector<std::uint64_t> revisions) {
  return {.any = false, .has_weak = false, .strong = std::move(revisions), .weak = {}};
}
tag_list weak(std::uint64_t revision) {
  return {.any = false, .has_weak = true, .strong = {}, .weak = {revision}};
}

/// `k` exists with revision 2; 1 was another key's.
struct conditions_of_a_write : testing::Test {
  conditions_of_a_write() {
    data.apply(put_operation{"other", text("1")});
    data.apply(put_operation{"k", text("1")});
  }

  data_outcome put(conditions_pointer when, std::string const& key = "k") {
    return data.apply(put_operation{key, text("2"), {}, std::move(when)});
  }
  void expect_unchanged() {
    EXPECT_EQ(data.revision(), 2U);
    EXPECT_EQ(*data.find("k")->value, "1");
  }

  database data;
};

TEST_F(conditions_of_a_write, let_it_be_done_where_they_hold) {
  EXPECT_EQ(get_as<value_stored>(put(if_match(strong({7, 2})))).revision, 3U);
  EXPECT_EQ(get_as<value_stored>(put(if_match(any()))).revision, 4U);
  EXPECT_EQ(get_as<value_stored>(put(if_none_match(strong({3})))).revision, 5U);
  EXPECT_TRUE(get_as<value_stored>(put(if_none_match(any()), "new")).created);
}

TEST_F(conditions_of_a_write, refuse_it_with_the_revision_that_is_there) {
  EXPECT_EQ(get_as<condition_failed>(put(if_match(strong({1, 3})))).revision, 2U);
  EXPECT_EQ(get_as<condition_failed>(put(if_match(any()), "none")).revision, 0U);
  EXPECT_EQ(get_as<condition_failed>(put(if_match(strong({1})), "none")).revision, 0U);
  EXPECT_EQ(get_as<condition_failed>(put(if_none_match(strong({2})))).revision, 2U);
  auto const not_new = get_as<condition_failed>(put(if_none_match(any())));
  EXPECT_EQ(not_new.revision, 2U);
  EXPECT_TRUE(not_new.must_be_new);
  expect_unchanged();
  EXPECT_EQ(data.find("none"), nullptr);
}

TEST_F(conditions_of_a_write, hold_for_every_kind_of_write) {
  auto const stale = if_match(strong({1}));
  for (auto const& operation :
       {data_operation(delete_operation{"k", stale}), data_operation(touch_operation{"k", {}, stale}),
        data_operation(increment_operation{.key = "k", .ttl = {}, .when = stale}),
        data_operation(patch_operation{"k", nullptr, stale})})
    EXPECT_EQ(get_as<condition_failed>(data.apply(operation)).revision, 2U) << operation.index();
  expect_unchanged();
}

TEST_F(conditions_of_a_write, take_a_weak_tag_for_none_in_if_match_and_for_its_strong_one_in_if_none_match) {
  auto const failed = get_as<condition_failed>(put(if_match(weak(2))));
  EXPECT_TRUE(failed.had_weak_tag);
  EXPECT_EQ(failed.revision, 2U);
  EXPECT_EQ(get_as<condition_failed>(put(if_none_match(weak(2)))).revision, 2U);
  expect_unchanged();
}

TEST_F(conditions_of_a_write, are_evaluated_if_match_first) {
  auto both = std::make_shared<conditions>();
  both->if_match = strong({1});
  both->if_none_match = any();
  EXPECT_FALSE(get_as<condition_failed>(put(both)).must_be_new) << "it was If-Match that failed";
  both->if_match = any();
  EXPECT_TRUE(get_as<condition_failed>(put(both)).must_be_new);
  EXPECT_FALSE(std::holds_alternative<not_modified>(data.apply(get_operation{"k", if_match(strong({1}))})));
  EXPECT_TRUE(std::holds_alternative<not_modified>(data.apply(get_operation{"k", both})));
  expect_unchanged();
}

TEST_F(conditions_of_a_write, come_before_there_being_no_such_key) {
  EXPECT_TRUE(std::holds_alternative<condition_failed>(data.apply(delete_operation{"none", if_match(any())})));
  EXPECT_TRUE(std::holds_alternative<no_such_key>(data.apply(delete_operation{"none", if_none_match(any())})));
}

// --- counting ------------------------------------------------------------------------------------------------------

struct an_increment : testing::Test {
  data_outcome of(std::string const& value, std::int64_t by) {
    data.apply(put_operation{"k", text(value.c_str())});
    return data.apply(increment_operation{.key = "k", .by = by, .ttl = {}, .when = {}});
  }
  std::string result_of(std::string const& value, std::int64_t by) {
    return *get_as<value_stored>(of(value, by)).value;
  }

  database data;
};

TEST_F(an_increment, adds_and_answers_the_new_number) {
  EXPECT_EQ(result_of("1", 5), "6");
  EXPECT_EQ(result_of("1", -5), "-4");
  EXPECT_EQ(result_of(" 7\n", 0), "7");
  EXPECT_EQ(result_of("-0", 0), "0");
  EXPECT_EQ(*data.find("k")->value, "0");
}

TEST_F(an_increment, begins_at_initial_where_there_is_no_such_key) {
  auto const made = get_as<value_stored>(
      data.apply(increment_operation{.key = "new", .by = 5, .initial = 100, .ttl = {}, .when = {}}));
  EXPECT_TRUE(made.created);
  EXPECT_EQ(*made.value, "105");
}

TEST_F(an_increment, of_what_is_no_integer_changes_nothing) {
  for (auto const* value : {"1.0", "1e2", "\"1\"", "true", "null", "[1]", "{}"}) {
    EXPECT_EQ(get_as<value_refused>(of(value, 1)).code, errc::not_an_integer) << value;
    EXPECT_EQ(*data.find("k")->value, value);
  }
}

TEST_F(an_increment, keeps_within_the_integers_that_every_reader_of_json_has) {
  EXPECT_EQ(result_of("9007199254740990", 1), "9007199254740991");
  EXPECT_EQ(result_of("-9007199254740990", -1), "-9007199254740991");
  EXPECT_EQ(get_as<value_refused>(of("9007199254740991", 1)).code, errc::out_of_range);
  EXPECT_EQ(get_as<value_refused>(of("-9007199254740991", -1)).code, errc::out_of_range);
  for (auto const* many_digits : {"12345678901234567890", "-12345678901234567890"})
    EXPECT_EQ(get_as<value_refused>(of(many_digits, 1)).code, errc::out_of_range) << "an integer all the same";
  EXPECT_EQ(get_as<value_refused>(of("9007199254740992", -5)).code, errc::out_of_range) << "it may be another already";
  EXPECT_EQ(result_of("9007199254740991", -9007199254740991), "0");
}

TEST_F(an_increment, keeps_within_min_and_max_or_changes_nothing) {
  increment_operation limited{.key = "tokens", .by = 1, .min = 0, .max = 2, .ttl = {}, .when = {}};
  EXPECT_EQ(*get_as<value_stored>(data.apply(limited)).value, "1");
  EXPECT_EQ(*get_as<value_stored>(data.apply(limited)).value, "2");
  EXPECT_EQ(get_as<value_refused>(data.apply(limited)).code, errc::out_of_range);
  limited.by = -2;
  EXPECT_EQ(*get_as<value_stored>(data.apply(limited)).value, "0");
  limited.by = -1;
  EXPECT_EQ(get_as<value_refused>(data.apply(limited)).code, errc::out_of_range);
  EXPECT_EQ(*data.find("tokens")->value, "0");
  EXPECT_EQ(data.revision(), 3U);
}

// --- times to live -------------------------------------------------------------------------------------------------

struct a_time_to_live : testing::Test {
  static constexpr expiry_time start{std::chrono::hours(1)};
  static constexpr time_to_live ten_seconds{time_to_live::kind::set, std::chrono::seconds(10)};

  a_time_to_live() { data.at(start); }

  std::vector<change> told() const {
    std::vector<change> all;
    EXPECT_TRUE(changes.take(0, 10'000, all));
    return all;
  }

  history changes{100'000, 1'000'000'000};
  database data{1'000'000'000, &changes};
};

TEST_F(a_time_to_live, is_set_kept_or_cleared_by_a_put) {
  using enum time_to_live::kind;
  EXPECT_EQ(get_as<value_stored>(data.apply(put_operation{"k", text("1"), ten_seconds})).expires,
            start + std::chrono::seconds(10));
  data.at(start + std::chrono::seconds(3));
  EXPECT_EQ(get_as<value_stored>(data.apply(put_operation{"k", text("2"), {keep, {}}})).expires,
            start + std::chrono::seconds(10));
  EXPECT_EQ(get_as<value_stored>(data.apply(put_operation{"k", text("3"), ten_seconds})).expires,
            start + std::chrono::seconds(13));
  EXPECT_EQ(get_as<value_stored>(data.apply(put_operation{"k", text("4")})).expires, no_expiry);
  EXPECT_EQ(data.next_expiry(), no_expiry);
  EXPECT_EQ(get_as<value_stored>(data.apply(put_operation{"new", text("1"), {keep, {}}})).expires, no_expiry);
}

TEST_F(a_time_to_live, ends_at_its_very_moment) {
  data.apply(put_operation{"k", text("1"), ten_seconds});
  data.at(start + std::chrono::seconds(10) - std::chrono::nanoseconds(1));
  EXPECT_NE(data.find("k"), nullptr);
  data.at(start + std::chrono::seconds(10));
  EXPECT_EQ(data.find("k"), nullptr);
  EXPECT_EQ(told().back().what, change::kind::expire);
  EXPECT_EQ(told().back().previous, 1U);
  EXPECT_EQ(data.revision(), 2U);
  EXPECT_EQ(data.bytes(), 0U);
}

TEST_F(a_time_to_live, is_changed_by_a_touch_which_readers_of_data_do_not_see) {
  data.apply(put_operation{"k", text("1")});
  auto const touched = get_as<value_touched>(data.apply(touch_operation{"k", ten_seconds}));
  EXPECT_EQ(touched.revision, 1U);
  EXPECT_EQ(touched.expires, start + std::chrono::seconds(10));
  EXPECT_EQ(data.revision(), 1U);
  EXPECT_EQ(data.sequence(), 2U) << "but the journal does";
  EXPECT_EQ(told().size(), 1U);
  EXPECT_EQ(get_as<value_touched>(data.apply(touch_operation{"k", {}})).expires, no_expiry);
  data.at(start + std::chrono::hours(1));
  EXPECT_NE(data.find("k"), nullptr);
  EXPECT_TRUE(std::holds_alternative<no_such_key>(data.apply(touch_operation{"none", ten_seconds})));
}

// A rate limiter in one request: the window begins with the first call.
TEST_F(a_time_to_live, of_an_increment_counts_only_when_it_creates_the_key) {
  increment_operation const call{.key = "calls", .by = 1, .ttl = ten_seconds, .when = {}};
  EXPECT_EQ(get_as<value_stored>(data.apply(call)).expires, start + std::chrono::seconds(10));
  data.at(start + std::chrono::seconds(9));
  EXPECT_EQ(get_as<value_stored>(data.apply(call)).expires, start + std::chrono::seconds(10));
  data.at(start + std::chrono::seconds(10));
  auto const again = get_as<value_stored>(data.apply(call));
  EXPECT_EQ(*again.value, "1");
  EXPECT_EQ(again.expires, start + std::chrono::seconds(20));
}

TEST_F(a_time_to_live, beyond_the_end_of_the_clock_is_none) {
  time_to_live const longest{time_to_live::kind::set, std::chrono::nanoseconds::max()};
  EXPECT_EQ(get_as<value_stored>(data.apply(put_operation{"k", text("1"), longest})).expires, no_expiry);
}

/// Many more expired keys than are removed at once; with long ones, which the index only refers to.
struct many_expired_keys : a_time_to_live {
  static constexpr int count = 1000;

  many_expired_keys() {
    for (int i = 0; i < count; ++i) data.apply(put_operation{name(i), text("1"), ten_seconds});
    data.apply(put_operation{"stays", text("1")});
    data.at(start + std::chrono::seconds(10));
    EXPECT_EQ(data.size(), count + 1 - database::expired_at_once_max) << "so many at once, and no more";
  }
  static std::string name(int i) {
    return (i % 2 == 0 ? "a name that is longer than fifteen bytes " : "k") + std::to_string(i);
  }
  std::string page(bool reverse, std::string const& delimiter = {}) {
    list_operation list;
    list.delimiter = delimiter;
    list.limit = 10;
    list.reverse = reverse;
    auto const outcome = data.apply(list);
    auto const& found = std::get<listing>(outcome);
    std::string all;
    for (auto const& one : found.entries) (all += found.key_of(one)) += ' ';
    for (auto const& one : found.groups) (all += found.key_of(one)) += ' ';
    return all + (found.next ? "and more" : "");
  }
};

TEST_F(many_expired_keys, are_found_by_nothing) {
  for (int i = 0; i + 4 < count; i += 5) {
    EXPECT_TRUE(std::holds_alternative<no_such_key>(data.apply(get_operation{name(i)})));
    EXPECT_TRUE(std::holds_alternative<no_such_key>(data.apply(delete_operation{name(i + 1)})));
    EXPECT_TRUE(std::holds_alternative<no_such_key>(data.apply(touch_operation{name(i + 2), ten_seconds})));
    put_operation const put{name(i + 3), text("2"), {}, if_none_match(any())};
    EXPECT_TRUE(get_as<value_stored>(data.apply(put)).created);
    increment_operation const increment{.key = name(i + 4), .by = 7, .ttl = {}, .when = {}};
    EXPECT_EQ(*get_as<value_stored>(data.apply(increment)).value, "7");
  }
  EXPECT_EQ(data.next_expiry(), no_expiry);
}

TEST_F(many_expired_keys, are_in_no_page) {
  EXPECT_EQ(page(false), "stays ");
  EXPECT_EQ(data.next_expiry(), no_expiry) << "the page has removed them on its way";
}

TEST_F(many_expired_keys, are_in_no_page_backwards) {
  EXPECT_EQ(page(true), "stays ");
}

TEST_F(many_expired_keys, make_no_group) {
  EXPECT_EQ(page(false, "1"), "stays ");
}

// A page that had removed as many as it may ended at the next expired key, within the group, which was not told then:
// the next page began behind the whole of it. Backwards, its cursor was no UTF-8 with some delimiters.
TEST(a_list_of_groups, does_not_lose_one_whose_keys_have_expired_but_for_the_last) {
  constexpr int count = 3'500;
  for (bool const reverse : {false, true})
    for (bool const has_neighbour : {false, true})
      for (auto const& [prefix, delimiter] :
           {std::pair("", "/"), std::pair("p/", "/"), std::pair("", "\u00bf"), std::pair("", "\ud7ff")}) {
        SCOPED_TRACE(std::string(prefix) + delimiter + (reverse ? " reverse" : "") +
                     (has_neighbour ? ", not the first" : ""));
        auto const group = std::string(prefix) + 'g' + delimiter;
        database data;
        data.at(a_time_to_live::start);
        for (int i = 0; i < count; ++i)
          data.apply(put_operation{group + std::to_string(i), text("1"), a_time_to_live::ten_seconds});
        data.apply(put_operation{group + (reverse ? '!' : 'z'), text("1")});
        if (has_neighbour) data.apply(put_operation{prefix + std::string(reverse ? "z" : "a"), text("1")});
        data.at(a_time_to_live::start + std::chrono::seconds(10));
        list_operation list;
        list.prefix = prefix;
        list.delimiter = delimiter;
        list.limit = 10;
        list.reverse = reverse;
        std::string groups;
        for (auto pages = 0; pages < 10; ++pages) {
          auto const page = get_as<listing>(data.apply(list));
          for (auto const& one : page.groups) (groups += page.key_of(one)) += ' ';
          list.after = page.next;
          if (!page.next) break;
          EXPECT_TRUE(protocol::is_utf8(*page.next)) << "it goes into JSON, and comes back in a query";
        }
        EXPECT_EQ(groups, group + ' ');
        EXPECT_FALSE(list.after) << "the list does not end";
      }
}

TEST_F(many_expired_keys, are_not_counted_among_those_that_a_range_deletes) {
  EXPECT_EQ(get_as<range_deleted>(data.apply(delete_range_operation{"", 1000})).count, 1U);
  EXPECT_EQ(data.size(), 0U);
  EXPECT_EQ(data.bytes(), 0U);
  EXPECT_EQ(data.next_expiry(), no_expiry);
}

TEST_F(many_expired_keys, are_absent_for_the_checks_and_operations_of_a_transaction) {
  transaction all;
  check absent;
  absent.key = name(500);
  absent.exists = false;
  all.checks.push_back(absent);
  for (int i = 501; i < 520; ++i) {
    all.steps.emplace_back(get_operation{name(i)});
    all.steps.emplace_back(increment_operation{.key = name(i), .by = 1, .ttl = {}, .when = {}});
  }
  all.steps.emplace_back(list_operation{});
  all.steps.emplace_back(touch_operation{name(600), ten_seconds});  // fails, and undoes what was done
  auto const failed = get_as<transaction_done>(data.apply(all));
  EXPECT_TRUE(failed->failed_checks.empty());
  EXPECT_EQ(failed->failed_step, all.steps.size() - 1);
  EXPECT_EQ(data.find(name(501)), nullptr) << "what was undone is an expired key still";
  all.steps.pop_back();
  auto const done = get_as<transaction_done>(data.apply(all));
  ASSERT_FALSE(done->failed_step);
  EXPECT_TRUE(std::holds_alternative<no_such_key>(done->results[0]));
  EXPECT_EQ(std::get<listing>(done->results.back()).entries.size(), 20U) << "19 and `stays`";
}

TEST_F(many_expired_keys, leave_in_bounded_steps_each_told_as_an_expiry) {
  std::size_t removed = database::expired_at_once_max;
  while (data.next_expiry() <= start + std::chrono::seconds(10)) {
    data.at(start + std::chrono::seconds(10));
    auto const more = get_as<entries_expired>(data.apply(expire_operation())).count;
    EXPECT_LE(more, 2 * database::expired_at_once_max);
    removed += more;
  }
  EXPECT_EQ(removed, static_cast<std::size_t>(count));
  int expired = 0;
  for (auto const& one : told()) expired += one.what == change::kind::expire ? 1 : 0;
  EXPECT_EQ(expired, count);
  EXPECT_EQ(data.size(), 1U);
}

// --- lists ---------------------------------------------------------------------------------------------------------

/// Like a list_operation, with optional members.
struct list_terms {
  std::string prefix = {};
  std::optional<std::string> after = {}, until = {};
  std::string delimiter = {};
  std::size_t limit = 100;
  bool reverse = false;
  bool values = false;
};
list_operation list_of(list_terms const& terms) {
  return {terms.prefix, terms.after, terms.until, terms.delimiter, terms.limit, terms.reverse, terms.values};
}

struct a_list : testing::Test {
  a_list() {
    for (auto const* key : {"a", "a/1", "a/2", "a/b/1", "b/1", "c", "d/1", "d/2", "e"})
      data.apply(put_operation{key, text("1")});
  }

  /// Entries, then groups in brackets, then the cursor.
  std::string of(list_terms const& terms) {
    auto const outcome = data.apply(list_of(terms));
    auto const& page = std::get<listing>(outcome);
    std::string all;
    for (auto const& one : page.entries) (all += page.key_of(one)) += ' ';
    for (auto const& one : page.groups) ((all += '[') += page.key_of(one)) += "] ";
    return all + (page.next ? "> " + *page.next : "");
  }

  database data;
};

TEST_F(a_list, is_in_the_order_of_the_keys_bytes_both_ways) {
  EXPECT_EQ(of({}), "a a/1 a/2 a/b/1 b/1 c d/1 d/2 e ");
  EXPECT_EQ(of({.reverse = true}), "e d/2 d/1 c b/1 a/b/1 a/2 a/1 a ");
  data.apply(put_operation{"\xC3\xA4", text("1")});
  data.apply(put_operation{"Z", text("1")});
  EXPECT_EQ(of({.limit = 2}), "Z a > a");
  EXPECT_EQ(of({.limit = 2, .reverse = true}), "\xC3\xA4 e > e");
}

TEST_F(a_list, has_what_begins_with_the_prefix) {
  EXPECT_EQ(of({.prefix = "a/"}), "a/1 a/2 a/b/1 ");
  EXPECT_EQ(of({.prefix = "a/", .reverse = true}), "a/b/1 a/2 a/1 ");
  EXPECT_EQ(of({.prefix = "x"}), "");
  EXPECT_EQ(of({.prefix = "x", .reverse = true}), "");
  EXPECT_EQ(of({.prefix = "\xFF", .reverse = true}), "") << "no text is greater than all with that prefix";
}

TEST_F(a_list, goes_on_behind_the_cursor_whether_that_key_is_there_or_not) {
  EXPECT_EQ(of({.after = "a/2"}), "a/b/1 b/1 c d/1 d/2 e ");
  EXPECT_EQ(of({.after = "a/2x"}), "a/b/1 b/1 c d/1 d/2 e ");
  EXPECT_EQ(of({.after = "a/2", .reverse = true}), "a/1 a ");
  EXPECT_EQ(of({.after = "a/2x", .reverse = true}), "a/2 a/1 a ");
  EXPECT_EQ(of({.prefix = "d/", .after = "a"}), "d/1 d/2 ") << "before the prefix";
  EXPECT_EQ(of({.prefix = "d/", .after = "e", .reverse = true}), "d/2 d/1 ");
  EXPECT_EQ(of({.prefix = "d/", .after = "e"}), "");
}

TEST_F(a_list, ends_before_until) {
  EXPECT_EQ(of({.until = "b/1"}), "a a/1 a/2 a/b/1 ");
  EXPECT_EQ(of({.after = "a/1", .until = "b"}), "a/2 a/b/1 ");
  EXPECT_EQ(of({.until = "d/1", .reverse = true}), "e d/2 ");
}

TEST_F(a_list, is_told_in_pages_that_meet) {
  for (auto const reverse : {false, true}) {
    for (std::size_t limit = 1; limit <= 10; ++limit) {
      for (std::string const delimiter : {"", "/"}) {
        auto const expected = of({.delimiter = delimiter, .limit = 1000, .reverse = reverse});
        std::multiset<std::string> pages, whole;
        std::istringstream all(expected);
        for (std::string word; all >> word;) whole.insert(word);
        list_terms list{.delimiter = delimiter, .limit = limit, .reverse = reverse};
        for (auto more = true; more;) {
          auto const page = of(list);
          auto const end = page.find("> ");
          more = end != std::string::npos;
          std::istringstream some(page.substr(0, end));
          std::size_t count = 0;
          for (std::string word; some >> word; ++count) pages.insert(word);
          EXPECT_LE(count, limit);
          if (more) {
            EXPECT_EQ(count, limit);
            list.after = page.substr(end + 2);
          }
        }
        EXPECT_EQ(pages, whole) << limit << delimiter << reverse;
      }
    }
  }
}

TEST_F(a_list, tells_a_full_last_page_from_one_that_is_followed) {
  EXPECT_EQ(of({.prefix = "d/", .limit = 2}), "d/1 d/2 ");
  EXPECT_EQ(of({.prefix = "d", .limit = 1, .reverse = true}), "d/2 > d/2");
}

TEST_F(a_list, gathers_keys_with_the_delimiter_behind_the_prefix_in_groups) {
  EXPECT_EQ(of({.delimiter = "/"}), "a c e [a/] [b/] [d/] ");
  EXPECT_EQ(of({.prefix = "a/", .delimiter = "/"}), "a/1 a/2 [a/b/] ");
  EXPECT_EQ(of({.prefix = "a", .delimiter = "/"}), "a [a/] ");
  EXPECT_EQ(of({.delimiter = "/b/"}), "a a/1 a/2 b/1 c d/1 d/2 e [a/b/] ");
  EXPECT_EQ(of({.after = "a/", .delimiter = "/"}), "c e [b/] [d/] ");
  EXPECT_EQ(of({.after = "a/1", .delimiter = "/"}), "c e [b/] [d/] ") << "a cursor within a group is behind it";
  EXPECT_EQ(of({.after = "d/", .delimiter = "/", .reverse = true}), "c a [b/] [a/] ");
}

// 300 groups of 1,000 keys each: a page that visits all keys would take 300,000 steps.
TEST(a_list_of_groups, seeks_behind_each_instead_of_walking_through_it) {
  database data;
  auto const value = text("1");
  for (int group = 0; group < 300; ++group)
    for (int i = 0; i < 1000; ++i)
      data.load("group " + std::to_string(1000 + group) + '/' + std::to_string(1000 + i), value, 1, no_expiry);
  auto best = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < 5; ++i) {
    auto const start = std::chrono::steady_clock::now();
    auto const outcome = data.apply(list_of({.delimiter = "/", .limit = 1000}));
    best = std::min(best, std::chrono::steady_clock::now() - start);
    EXPECT_EQ(std::get<listing>(outcome).groups.size(), 300U);
  }
  EXPECT_LT(best, std::chrono::milliseconds(5));
}

TEST(a_page_with_values, ends_with_the_value_that_goes_beyond_a_mebibyte) {
  database data;
  for (int i = 0; i < 9; ++i) data.apply(put_operation{std::to_string(i), text_of(300 * 1024)});
  auto const outcome = data.apply(list_of({.values = true}));
  EXPECT_EQ(std::get<listing>(outcome).entries.size(), 4U);
  EXPECT_EQ(std::get<listing>(outcome).next, "3");
  auto const keys = data.apply(list_of({.values = false}));
  EXPECT_EQ(std::get<listing>(keys).entries.size(), 9U);
}

TEST(a_range, is_deleted_in_portions_each_of_consecutive_revisions) {
  history changes(1000, 1'000'000);
  database data(1'000'000, &changes);
  for (auto const* key : {"a", "t/1", "t/2", "t/3", "u"}) data.apply(put_operation{key, text("1")});
  auto const first = get_as<range_deleted>(data.apply(delete_range_operation{"t/", 2}));
  EXPECT_EQ(first.count, 2U);
  EXPECT_EQ(first.next, "t/2");
  EXPECT_EQ(data.revision(), 7U);
  auto const second = get_as<range_deleted>(data.apply(delete_range_operation{"t/", 2}));
  EXPECT_EQ(second.count, 1U);
  EXPECT_FALSE(second.next);
  EXPECT_EQ(data.size(), 2U);
  std::vector<change> told;
  ASSERT_TRUE(changes.take(5, 10, told));
  ASSERT_EQ(told.size(), 3U);
  for (auto const& one : told) EXPECT_EQ(one.what, change::kind::del);
}

// --- transactions --------------------------------------------------------------------------------------------------

struct a_transaction : testing::Test {
  a_transaction() { data.apply(put_operation{"a", text("1")}); }

  transaction_done run(std::vector<transaction_step> steps, std::vector<check> checks = {}) {
    return get_as<transaction_done>(data.apply(transaction{std::move(checks), std::move(steps), {}}));
  }

  history changes{1000, 1'000'000};
  database data{5000, &changes};
};

TEST_F(a_transaction, gives_each_change_a_revision_of_its_own_and_lets_later_operations_see_earlier_ones) {
  auto const done = run({put_operation{"b", text("1")}, increment_operation{.key = "b", .by = 5, .ttl = {}, .when = {}},
                         get_operation{"b"}, delete_operation{"a"}, get_operation{"a"}, list_operation{},
                         put_operation{"a", text("2")}});
  ASSERT_EQ(done->results.size(), 7U);
  EXPECT_EQ(std::get<value_stored>(done->results[0]).revision, 2U);
  EXPECT_EQ(*std::get<value_stored>(done->results[1]).value, "6");
  EXPECT_EQ(*std::get<value_found>(done->results[2]).value, "6");
  EXPECT_EQ(std::get<value_deleted>(done->results[3]).revision, 4U);
  EXPECT_TRUE(std::holds_alternative<no_such_key>(done->results[4]));
  EXPECT_EQ(std::get<listing>(done->results[5]).entries.size(), 1U);
  EXPECT_TRUE(std::get<value_stored>(done->results[6]).created);
  EXPECT_EQ(data.revision(), 5U);
  std::vector<change> told;
  ASSERT_TRUE(changes.take(1, 10, told));
  ASSERT_EQ(told.size(), 4U);
  EXPECT_EQ(told[3].previous, 0U) << "it was not there";
}

TEST_F(a_transaction, is_not_begun_where_a_check_fails_and_tells_all_that_failed) {
  auto const of_key = [](char const* key) {
    check one;
    one.key = key;
    return one;
  };
  auto tag = of_key("a"), exists = of_key("a"), missing = of_key("b"), fine = of_key("a");
  tag.tag = strong({7});
  exists.exists = false;
  missing.exists = true;
  fine.tag = strong({1});
  auto const done = run({put_operation{"b", text("1")}}, {tag, fine, exists, missing});
  ASSERT_EQ(done->failed_checks.size(), 3U);
  EXPECT_EQ(done->failed_checks[0].index, 0U);
  EXPECT_EQ(done->failed_checks[0].revision, 1U);
  EXPECT_EQ(done->failed_checks[1].index, 2U);
  EXPECT_EQ(done->failed_checks[2].index, 3U);
  EXPECT_EQ(done->failed_checks[2].revision, 0U);
  EXPECT_EQ(data.revision(), 1U);
  EXPECT_EQ(data.size(), 1U);
}

TEST_F(a_transaction, that_fails_leaves_nothing_behind) {
  data.at(a_time_to_live::start);
  data.apply(touch_operation{"a", a_time_to_live::ten_seconds});
  auto const bytes = data.bytes(), sequence = data.sequence();
  auto const done = run({put_operation{"a", text("22")}, delete_operation{"a"}, put_operation{"a", text("333")},
                         touch_operation{"a", a_time_to_live::ten_seconds}, put_operation{"new", text("1")},
                         delete_operation{"new"}, touch_operation{"none", {}}});
  EXPECT_EQ(done->failed_step, 6U);
  EXPECT_EQ(*data.find("a")->value, "1");
  EXPECT_EQ(data.find("a")->revision, 1U);
  EXPECT_EQ(data.next_expiry(), a_time_to_live::start + std::chrono::seconds(10));
  EXPECT_EQ(data.size(), 1U);
  EXPECT_EQ(data.bytes(), bytes);
  EXPECT_EQ(data.sequence(), sequence);
  EXPECT_EQ(changes.last_revision(), 1U);
}

// A 404 was withheld until the removal that it shows was durable. But that removal had been undone, so the answer
// waited for a change that did not exist.
TEST_F(a_transaction, that_fails_has_removed_nothing_that_others_wait_for) {
  run({delete_operation{"a"}, touch_operation{"none", {}}});
  EXPECT_LE(data.last_removal(), data.sequence());
}

TEST_F(a_transaction, that_has_no_room_for_all_does_nothing) {
  auto const done =
      run({put_operation{"b", text_of(2000)}, put_operation{"c", text_of(2000)}, put_operation{"d", text_of(2000)}});
  EXPECT_EQ(done->failed_step, 2U);
  EXPECT_TRUE(std::holds_alternative<no_room>(done->results.back()));
  EXPECT_EQ(data.size(), 1U);
  EXPECT_FALSE(
      run({put_operation{"b", text_of(2000)}, delete_operation{"b"}, put_operation{"c", text_of(4000)}})->failed_step)
      << "there is room in the end";
}

TEST_F(a_transaction, that_wants_a_text_has_done_nothing_yet) {
  auto const patch = make_appending_patch();
  transaction all{{}, {put_operation{"b", text("1")}, patch_operation{"a", patch}}, {}};
  auto const wanted = get_as<text_wanted>(data.apply(all));
  EXPECT_EQ(*wanted.input, "1");
  EXPECT_EQ(data.size(), 1U);
  EXPECT_EQ(data.revision(), 1U);
  auto const done = get_as<transaction_done>(apply_with_texts(data, all));
  EXPECT_FALSE(done->failed_step);
  EXPECT_EQ(*data.find("a")->value, "10");
}

}  // namespace
}  // namespace holdfast::server
