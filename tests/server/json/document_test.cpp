#include "server/json/document.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/json/fields.hpp"
#include "tests/protocol/code_of.hpp"

namespace holdfast::server::json {
namespace {

using namespace std::literals;
using protocol::code_of;
using protocol::detail_of;
using testing::ElementsAre;
using testing::HasSubstr;

document parsed(std::string_view text, int levels = document::every_level) {
  auto document = document::parse(text, levels);
  EXPECT_TRUE(document) << text << ": " << detail_of(document);
  return *std::move(document);
}

std::vector<std::string> texts(value container) {
  std::vector<std::string> texts;
  for (auto const child : container.children()) texts.emplace_back(child.text());
  return texts;
}

std::vector<std::string> names(value container) {
  std::vector<std::string> names;
  for (auto const child : container.children()) names.push_back(child.name());
  return names;
}

TEST(document, finds_every_value_with_the_bytes_it_was_written_with) {
  auto const text = " { \"b\" : 1.0 , \"a\":[1E2,12345678901234567890, { } ],\"b\":\"\\u0041\" } "sv;
  auto const document = parsed(text);
  EXPECT_EQ(document.root().text(), text.substr(1, text.size() - 2));
  EXPECT_THAT(names(document.root()), ElementsAre("b", "a", "b"));
  EXPECT_THAT(texts(document.root()), ElementsAre("1.0", "[1E2,12345678901234567890, { } ]", "\"\\u0041\""));
  EXPECT_THAT(texts(*++document.root().children().begin()), ElementsAre("1E2", "12345678901234567890", "{ }"));
}

TEST(document, knows_what_each_value_is) {
  auto const document = parsed(R"([null,true,false,-1,"s",[],{}])");
  std::vector<value_kind> kinds;
  for (auto const child : document.root().children()) kinds.push_back(child.kind());
  EXPECT_THAT(kinds, ElementsAre(value_kind::null, value_kind::boolean, value_kind::boolean, value_kind::number,
                                 value_kind::string, value_kind::array, value_kind::object));
}

TEST(document, views_stay_valid_when_it_moves) {
  auto first = parsed(R"({"a":"b"})");
  auto const root = first.root();
  auto const second = std::move(first);
  EXPECT_EQ(root.text(), R"({"a":"b"})");
}

TEST(document, keeps_only_the_levels_that_are_asked_for) {
  auto const text = R"({"a":[{"hidden":1},[2]],"b":[[{"x":0}],7]})";
  EXPECT_THAT(texts(parsed(text, 1).root()), ElementsAre());
  EXPECT_EQ(parsed(text, 1).root().text(), text);
  auto const two = parsed(text, 2);
  EXPECT_THAT(texts(two.root()), ElementsAre(R"([{"hidden":1},[2]])", R"([[{"x":0}],7])"));
  EXPECT_THAT(texts(*two.root().children().begin()), ElementsAre());
  // The name of a skipped element was given to the next element that was kept.
  auto const three = parsed(text, 3);
  for (auto const member : three.root().children())
    for (auto const element : member.children()) EXPECT_EQ(element.name_text(), "") << element.text();
  EXPECT_EQ(parsed("5", 1).root().text(), "5");
  EXPECT_LT(parsed("[" + std::string(10'000, ' ') + "[1,2,3,4,5,6,7,8,9]]", 1).memory_bytes(), 100U);
}

TEST(document, says_where_the_text_breaks_as_check_json_does) {
  EXPECT_EQ(code_of(document::parse("[1,\n 2,]")), "invalid_json");
  EXPECT_THAT(detail_of(document::parse("[1,\n 2,]")), HasSubstr("line 2, column 4"));
  EXPECT_THAT(detail_of(document::parse("")), HasSubstr("empty"));
}

TEST(document, names_the_value_that_is_nested_too_deep_below_its_levels) {
  for (auto const depth : {513U, 520U, 100'000U}) {
    auto const text = R"({"a":[{"b":[1]}],"c":[{"x":[]},{"d":)" + std::string(depth, '[');
    auto const refused = document::parse(text, 4, protocol::json_depth_max + 3);
    EXPECT_EQ(code_of(refused), "invalid_json");
    EXPECT_THAT(detail_of(refused), HasSubstr("at /c/1/d: nested deeper than 512 levels at line 1, column 549"));
  }
  EXPECT_THAT(detail_of(document::parse(std::string(513, '['), 1)), HasSubstr("at the top of the body: nested"));
  EXPECT_THAT(detail_of(document::parse(std::string(513, '['))), HasSubstr("nested deeper than 512 levels at line 1"));
}

TEST(document, parses_a_megabyte_of_brackets_without_recursion) {
  EXPECT_FALSE(document::parse(std::string(1'000'000, '[')));
  EXPECT_TRUE(document::parse(std::string(512, '[') + std::string(512, ']')));
}

TEST(value, decodes_strings) {
  auto const document = parsed(R"(["a\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00é","\u0000"])");
  auto const first = *document.root().children().begin();
  EXPECT_EQ(*first.as_string(), "a\"\\/\b\f\n\r\té€😀é");
  EXPECT_EQ(*(*++document.root().children().begin()).as_string(), "\0"sv);
}

TEST(value, half_a_surrogate_pair_is_a_string_that_no_text_can_say) {
  for (auto const* text : {R"({"a":["\ud83d"]})", R"({"a":["\ude00x"]})", R"({"a":["\ud83d\u0041"]})",
                           R"({"a":["\ude00\ud83d"]})", R"({"a":["\ud83d\ud83d\ude00"]})"}) {
    auto const document = parsed(text);
    auto const element = *(*document.root().children().begin()).children().begin();
    EXPECT_EQ(code_of(element.as_string()), "invalid_json") << text;
    EXPECT_THAT(detail_of(element.as_string()), HasSubstr("/a/0")) << text;
  }
}

TEST(value, reads_integers_exactly_however_they_are_written) {
  auto const document = parsed(
      "[9223372036854775807,-9223372036854775808,5.0,5e0,50e-1,-0,0.0e99,9223372036854775807.0,92233720368547758."
      "07e2]");
  std::vector<std::int64_t> integers;
  for (auto const child : document.root().children()) integers.push_back(*child.as_integer());
  EXPECT_THAT(integers, ElementsAre(INT64_MAX, INT64_MIN, 5, 5, 5, 0, 0, INT64_MAX, INT64_MAX));
}

TEST(value, refuses_what_is_no_integer_of_64_bits_and_says_where) {
  auto const document = parsed(R"({"n":[5.5,9223372036854775808,-9223372036854775809,1e400,1e-400,"5",true]})");
  for (auto const child : (*document.root().children().begin()).children()) {
    EXPECT_EQ(code_of(child.as_integer()), "invalid_json") << child.text();
    EXPECT_THAT(detail_of(child.as_integer()), HasSubstr("/n/")) << child.text();
  }
}

TEST(value, a_wrong_type_is_told_with_its_pointer) {
  auto const document = parsed(R"({"operations":[0,{"a/b~":{"":"x"}}]})");
  auto const operation = *++(*document.root().children().begin()).children().begin();
  auto const inner = *(*operation.children().begin()).children().begin();
  EXPECT_EQ(inner.pointer(), "/operations/1/a~1b~0/");
  EXPECT_THAT(detail_of(inner.as_array()),
              HasSubstr("at /operations/1/a~1b~0/: this has to be an array, not a string"));
  EXPECT_THAT(detail_of(inner.as_object()), HasSubstr("an object"));
  EXPECT_THAT(detail_of(inner.as_boolean()), HasSubstr("true or false"));
  EXPECT_THAT(detail_of(operation.as_string()), HasSubstr("a string, not an object"));
  EXPECT_THAT(detail_of(document.root().as_string()), HasSubstr("at the top"));
}

TEST(fields, finds_the_fields_that_are_known) {
  auto const document = parsed(R"({"ttl":"30s","v\u0061lue":1.0})");
  auto const members = fields::of(document.root(), {"put", "value", "ttl"});
  ASSERT_TRUE(members) << detail_of(members);
  EXPECT_EQ(members->find("value")->text(), "1.0");
  EXPECT_EQ(members->find("ttl")->text(), "\"30s\"");
  EXPECT_FALSE(members->find("put"));
  EXPECT_THAT(detail_of(members->require("put")), HasSubstr("at the top of the body: the field \"put\" is missing"));
}

TEST(fields, names_an_unknown_or_doubled_field_and_its_place) {
  auto const document = parsed(R"([{"put":"b","tlt":"30s"},{"put":"b","p\u0075t":"c"},5])");
  std::vector<std::string> details;
  for (auto const element : document.root().children()) {
    auto const members = fields::of(element, {"put", "value"});
    EXPECT_EQ(code_of(members), "invalid_json");
    details.push_back(detail_of(members));
  }
  EXPECT_THAT(details, ElementsAre("at /0: unknown field \"tlt\"; known: put, value",
                                   "at /1: the field \"p\\u0075t\" is there twice",
                                   "at /2: this has to be an object, not a number"));
}

}  // namespace
}  // namespace holdfast::server::json
