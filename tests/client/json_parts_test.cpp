#include "client/json_parts.hpp"

#include <gmock/gmock.h>

#include "client/listing.hpp"
#include "client/transaction.hpp"

namespace holdfast::client {
namespace {

using namespace std::chrono_literals;
using member = std::pair<std::string, std::string_view>;
using testing::ElementsAre;

TEST(json_parts, leave_each_value_byte_for_byte) {
  EXPECT_THAT(
      members_of(R"( { "a" : 1.0 , "b":[1,{"c":"]}\""}], "d" : "\"," ,"e":{} } )"),
      ElementsAre(member("a", "1.0"), member("b", R"([1,{"c":"]}\""}])"), member("d", R"("\",")"), member("e", "{}")));
  EXPECT_THAT(elements_of(R"([1E2 , "a,]" , [[]] , {"b":[2]},null])"),
              ElementsAre("1E2", "\"a,]\"", "[[]]", "{\"b\":[2]}", "null"));
  EXPECT_THAT(elements_of("[]"), ElementsAre());
  EXPECT_THAT(members_of("{}"), ElementsAre());
  EXPECT_THAT(members_of("[1]"), ElementsAre());
  EXPECT_THAT(elements_of("1"), ElementsAre());
}

TEST(json_parts, decode_strings) {
  EXPECT_EQ(string_in(R"("a\"\\\/\b\f\n\r\t")"), "a\"\\/\b\f\n\r\t");
  EXPECT_EQ(string_in(R"("é\u00e9\u20ac\ud83d\ude00")"), "éé€😀");
  EXPECT_EQ(string_in(R"("\ud83d|\ude00\ud83dx")"), "\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBDx") << "halves of a pair";
  EXPECT_EQ(string_in("12"), "");
  EXPECT_EQ(members_of(R"({"\u0061":1})").at(0).first, "a");
}

TEST(json_parts, never_read_behind_the_end_of_a_broken_text) {
  std::string const whole = R"({"a\u00e9":[1,{"b":"\ud83d\ude00"}],"c":-1.5e3})";
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    // On the heap without a byte behind it, where the address sanitizer watches.
    std::vector<char> const part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    std::string_view const text(part.data(), part.size());
    for (auto const& [name, value] : members_of(text)) EXPECT_LE(elements_of(value).size(), 2U);
    EXPECT_LE(string_in(text.substr(std::min<std::size_t>(1, length))).size(), length);
  }
}

TEST(listing, has_entries_groups_and_where_to_go_on) {
  auto const page = read_listing(
      R"({"revision":912,"entries":[{"key":"u/a","revision":17,"bytes":3,"ttl":29.7,"value":1.0}],"groups":["u/b/"],"next":"u/b/"})");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->revision, 912U);
  ASSERT_EQ(page->entries.size(), 1U);
  EXPECT_EQ(page->entries[0].key, "u/a");
  EXPECT_EQ(page->entries[0].revision, 17U);
  EXPECT_EQ(page->entries[0].bytes, 3U);
  EXPECT_EQ(page->entries[0].ttl_s, 29.7);
  EXPECT_EQ(page->entries[0].value, "1.0");
  EXPECT_THAT(page->groups, ElementsAre("u/b/"));
  EXPECT_EQ(page->next, "u/b/");
  EXPECT_FALSE(read_listing(R"({"revision":1,"entries":[],"next":null})")->next);
  for (auto const* text :
       {"", "[]", "{}", R"({"entries":1})", R"({"entries":[1]})", R"({"entries":[{"key":"a","revision":"x"}]})"})
    EXPECT_FALSE(read_listing(text)) << text;
}

TEST(transaction, is_written_as_the_contract_has_it) {
  transaction all;
  all.check_etag("a", "\"3f-7\"").check_exists("b", false).check_value("c", "1.0");
  all.get("a")
      .put("b", "1", time_to_live::lasting(30s))
      .del("c")
      .add("n", {.by = 5})
      .merge("d", "{}")
      .json_patch("d", "[]");
  all.touch("d", time_to_live::never()).list("users/", 10);
  EXPECT_EQ(
      all.json(),
      R"({"checks":[{"key":"a","etag":"\"3f-7\""},{"key":"b","exists":false},{"key":"c","value":1.0}],)"
      R"("operations":[{"get":"a"},{"put":"b","value":1,"ttl":"30s"},{"delete":"c"},{"increment":"n","by":5},)"
      R"({"patch":"d","merge":{}},{"patch":"d","json":[]},{"touch":"d","ttl":"none"},{"list":"users/","limit":10}]})");
  EXPECT_EQ(transaction().get("\"").json(), R"({"operations":[{"get":"\""}]})");
}

TEST(transaction, has_results_byte_for_byte) {
  auto const done = read_transaction_results(R"({"revision":915,"results":[{"value":1.0},{}]})");
  ASSERT_TRUE(done);
  EXPECT_EQ(done->revision, 915U);
  EXPECT_THAT(done->results, ElementsAre(R"({"value":1.0})", "{}"));
  EXPECT_FALSE(read_transaction_results("{}"));
  EXPECT_FALSE(read_transaction_results("x"));
}

}  // namespace
}  // namespace holdfast::client
