#include "server/database.hpp"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

using namespace protocol;

json_text text(char const* value) {
  return std::make_shared<std::string const>(value);
}

template <class T>
T get_as(outcome const& outcome) {
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

}  // namespace
}  // namespace holdfast::server
