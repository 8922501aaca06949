#include "server/store/database.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace holdfast::server {
namespace {

using namespace protocol;

json_text text(char const* value) {
  return std::make_shared<std::string const>(value);
}

template <class T>
T get_as(data_outcome const& outcome) {
  return std::get<T>(outcome);
}

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

json_text text_of(std::size_t bytes) {
  return std::make_shared<std::string const>(bytes, '7');
}

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

}  // namespace
}  // namespace holdfast::server
