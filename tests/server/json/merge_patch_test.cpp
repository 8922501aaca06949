#include "server/json/merge_patch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "tests/protocol/code_of.hpp"
#include "tests/server/json/random_json.hpp"

namespace holdfast::server::json {
namespace {

using protocol::code_of;
using protocol::detail_of;
using testing::HasSubstr;

protocol::result<std::string> merged(std::string_view target, std::string_view patch) {
  auto const parsed = merge_patch::parse(patch);
  if (!parsed) return parsed.error();
  return parsed->apply(target);
}

struct merge_case {
  char const* target;
  char const* patch;
  char const* expected;
};

// The situations of RFC 7396, appendix A, with other names and numbers.
TEST(merge_patch, does_what_the_rfcs_appendix_says) {
  for (auto const& [target, patch, expected] : {
           merge_case{R"({"x":"old"})", R"({"x":"new"})", R"({"x":"new"})"},
           {R"({"x":"old"})", R"({"y":"new"})", R"({"x":"old","y":"new"})"},
           {R"({"x":"old"})", R"({"x":null})", R"({})"},
           {R"({"x":"old","y":"kept"})", R"({"x":null})", R"({"y":"kept"})"},
           {R"({"x":["old"]})", R"({"x":"new"})", R"({"x":"new"})"},
           {R"({"x":"old"})", R"({"x":["new"]})", R"({"x":["new"]})"},
           {R"({"x":{"y":"old"}})", R"({"x":{"y":"new","z":null}})", R"({"x":{"y":"new"}})"},
           {R"({"x":[{"y":"old"}]})", R"({"x":[7]})", R"({"x":[7]})"},
           {R"(["p","q"])", R"(["r","s"])", R"(["r","s"])"},
           {R"({"x":"old"})", R"(["r"])", R"(["r"])"},
           {R"({"x":"old"})", R"(null)", R"(null)"},
           {R"({"x":"old"})", R"("text")", R"("text")"},
           {R"({"w":null})", R"({"x":7})", R"({"w":null,"x":7})"},
           {R"([3,4])", R"({"x":"new","z":null})", R"({"x":"new"})"},
           {R"({})", R"({"x":{"yy":{"zzz":null}}})", R"({"x":{"yy":{}}})"},
       }) {
    auto const result = merged(target, patch);
    EXPECT_EQ(result ? *result : detail_of(result), expected) << target << " with " << patch;
  }
}

TEST(merge_patch, leaves_what_it_does_not_name_byte_for_byte) {
  EXPECT_EQ(
      *merged(R"( {"z":1.0, "a" : 1E2,"n":[ 12345678901234567890,1e400 ],"s":"\u0041\ud83d","m":{ "k" : -0 }} )",
              R"({"m":{"new":0.10},"b":1.50})"),
      R"( {"z":1.0, "a" : 1E2,"n":[ 12345678901234567890,1e400 ],"s":"\u0041\ud83d","m":{ "k" : -0, "new" : 0.10 }, "b":1.50} )");
  EXPECT_EQ(*merged("{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": { }\n}\n", R"({"a":null,"b":3.0,"d":4,"c":{"x":null}})"),
            "{\n  \"b\": 3.0,\n  \"c\": { },\n  \"d\": 4\n}\n");
}

TEST(merge_patch, keeps_the_targets_order_and_appends_in_its_own) {
  EXPECT_EQ(*merged(R"({"d":1,"b":2,"c":3})", R"({"z":1,"c":9,"y":2,"d":8,"a":3})"),
            R"({"d":8,"b":2,"c":9,"z":1,"y":2,"a":3})");
}

TEST(merge_patch, compares_names_by_what_they_say) {
  EXPECT_EQ(*merged(R"({"\u0061\/b":1})", R"({"a/\u0062":2})"), R"({"\u0061\/b":2})");
  EXPECT_EQ(*merged(R"({"\ud83d":1,"\ud83e":2})", R"({"\uD83D":null})"), R"({"\ud83e":2})");
}

TEST(merge_patch, takes_nothing_out_of_arrays) {
  EXPECT_EQ(*merged("{}", R"({"a":[null,{"b":null,"b":null}]})"), R"({"a":[null,{"b":null,"b":null}]})");
}

TEST(merge_patch, is_a_conflict_only_where_it_names_a_name_that_is_there_twice) {
  EXPECT_EQ(*merged(R"({"a":1,"a":2,"b":3})", R"({"b":4})"), R"({"a":1,"a":2,"b":4})");
  for (auto const* patch : {R"({"o":{"a":3}})", R"({"o":{"a":null}})"}) {
    auto const result = merged(R"({"o":{"a":1,"a":2}})", patch);
    EXPECT_EQ(code_of(result), "patch_conflict");
    EXPECT_THAT(detail_of(result), HasSubstr("/o/a"));
  }
}

TEST(merge_patch, refuses_an_object_with_a_name_twice) {
  auto const result = merge_patch::parse(R"({"a":{"b":1,"c":2,"\u0062":3}})");
  EXPECT_EQ(code_of(result), "invalid_patch");
  EXPECT_THAT(detail_of(result), HasSubstr("at /a: "));
  EXPECT_EQ(code_of(merge_patch::parse("{")), "invalid_json");
}

TEST(merge_patch, can_be_applied_again) {
  auto const patch = merge_patch::parse(R"({"a":1})");
  EXPECT_EQ(*patch->apply("{}"), R"({"a":1})");
  EXPECT_EQ(*patch->apply(R"({"a":0})"), R"({"a":1})");
}

TEST(merge_patch, goes_as_deep_as_values_may) {
  std::string open, close;
  for (int i = 0; i < 512; ++i) {
    open += "{\"a\":";
    close += '}';
  }
  EXPECT_EQ(*merged(open + "1.0" + close, open + "2.0" + close), open + "2.0" + close);
  EXPECT_EQ(*merged("{}", open + "2.0" + close), open + "2.0" + close);
}

// Each object is searched once, not once per name of the patch: 40,000 × 40,000 would take minutes.
TEST(merge_patch, of_many_names_takes_no_time_squared) {
  std::string target = "{", patch = "{";
  for (int i = 0; i < 40'000; ++i) {
    target += "\"k" + std::to_string(i) + "\":1,";
    patch += "\"k" + std::to_string(39'999 - i) + "\":2,";
  }
  target.back() = patch.back() = '}';
  EXPECT_EQ(std::ranges::count(*merged(target, patch), '2'), std::ranges::count(target, '2') + 40'000);
}

TEST(merge_patch, agrees_with_another_implementation) {
  std::mt19937 random(7396);
  for (int round = 0; round < 5'000; ++round) {
    auto const target = random_json(random, 4);
    auto const patch = random_json(random, 4);
    auto expected = nlohmann::json::parse(target);
    expected.merge_patch(nlohmann::json::parse(patch));
    auto const result = merged(target, patch);
    ASSERT_TRUE(result) << detail_of(result);
    ASSERT_EQ(nlohmann::json::parse(*result), expected) << target << " with " << patch << " became " << *result;
  }
}

}  // namespace
}  // namespace holdfast::server::json
