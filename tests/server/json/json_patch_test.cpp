#include "server/json/json_patch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "protocol/json.hpp"
#include "tests/protocol/code_of.hpp"
#include "tests/server/json/random_json.hpp"

namespace holdfast::server::json {
namespace {

using namespace std::literals;
using protocol::code_of;
using protocol::detail_of;
using testing::HasSubstr;

constexpr std::size_t bytes_max = 1024 * 1024;

protocol::result<std::string> patched(std::string_view target, std::string_view operations,
                                      std::size_t limit = bytes_max) {
  auto const patch = json_patch::parse(operations);
  if (!patch) return patch.error();
  return patch->apply(target, limit);
}

std::string add(std::string_view path, std::string_view value) {
  return R"({"op":"add","path":")" + std::string(path) + R"(","value":)" + std::string(value) + "}";
}
std::string replace(std::string_view path, std::string_view value) {
  return R"({"op":"replace","path":")" + std::string(path) + R"(","value":)" + std::string(value) + "}";
}
std::string test(std::string_view path, std::string_view value) {
  return R"({"op":"test","path":")" + std::string(path) + R"(","value":)" + std::string(value) + "}";
}
std::string remove(std::string_view path) {
  return R"({"op":"remove","path":")" + std::string(path) + R"("})";
}
std::string move(std::string_view from, std::string_view path) {
  return R"({"op":"move","from":")" + std::string(from) + R"(","path":")" + std::string(path) + R"("})";
}
std::string copy(std::string_view from, std::string_view path) {
  return R"({"op":"copy","from":")" + std::string(from) + R"(","path":")" + std::string(path) + R"("})";
}

struct patch_case {
  std::string_view target;
  std::string operations;  // without the brackets
  std::string_view expected;
};

void expect_all(std::initializer_list<patch_case> cases) {
  for (auto const& [target, operations, expected] : cases) {
    auto const result = patched(target, "[" + operations + "]");
    EXPECT_EQ(result ? *result : detail_of(result), expected) << target << " with " << operations;
  }
}

struct refused_case {
  std::string_view target;
  std::string operations;
};

void expect_none(std::string_view code, std::initializer_list<refused_case> cases) {
  for (auto const& [target, operations] : cases) {
    auto const result = patched(target, "[" + operations + "]");
    EXPECT_EQ(code_of(result), code) << target << " with " << operations << ": " << detail_of(result);
  }
}

// Requirements of the RFC's examples and the public test collection, with other texts.

TEST(json_patch, without_operations_changes_not_one_byte) {
  for (auto const* text : {"{}", "{\"z\":1,\"a\":2}", " [ {\"z\" : 1.0,\"a\":2} ] ", "\"text\"", "1e400"})
    EXPECT_EQ(*patched(text, "[]"), text);
}

TEST(json_patch, add_puts_members_elements_and_the_whole_value) {
  expect_all({
      {R"({"x":null})", add("/x", "5"), R"({"x":5})"},
      {R"({"x":5})", add("/y", "[6,7]"), R"({"x":5,"y":[6,7]})"},
      {R"({"x":5})", add("/y", "true"), R"({"x":5,"y":true})"},
      {R"({"x":5})", add("/y", "null"), R"({"x":5,"y":null})"},
      {R"({"x":5})", add("/0", R"("zero")"), R"({"x":5,"0":"zero"})"},
      {R"({"x":5})", add("/X", R"("large")"), R"({"x":5,"X":"large"})"},
      {R"({"x":5,"l":[{"m":"in"}]})", add("/l/0/n", R"("new")"), R"({"x":5,"l":[{"m":"in","n":"new"}]})"},
      {R"({"x":5})", add("/child", R"({"grandchild":{}})"), R"({"x":5,"child":{"grandchild":{}}})"},
      {"{}", add("/", "5"), R"({"":5})"},
      {R"({"x":{}})", add("/x/", "5"), R"({"x":{"":5}})"},
      {"[]", add("/0", R"("one")"), R"(["one"])"},
      {"[]", add("/-", R"("one")"), R"(["one"])"},
      {R"(["a","c"])", add("/1", R"("b")"), R"(["a","b","c"])"},
      {R"(["a","c"])", add("/0", R"("b")"), R"(["b","a","c"])"},
      {R"(["a","c"])", add("/2", R"("b")"), R"(["a","c","b"])"},
      {R"(["a","c"])", add("/1", R"(["b",0])"), R"(["a",["b",0],"c"])"},
      {"[1,[2,[3,4]]]", add("/1/1/-", R"({"m":[5]})"), R"([1,[2,[3,4,{"m":[5]}]]])"},
      {"{}", add("", "[]"), "[]"},
      {"[]", add("", "{}"), "{}"},
      {R"({"x":1})", add("", R"({"y":2})"), R"({"y":2})"},
  });
}

TEST(json_patch, remove_takes_members_and_elements_away) {
  expect_all({
      {R"({"x":5,"y":[6,7]})", remove("/y"), R"({"x":5})"},
      {R"({"x":null})", remove("/x"), "{}"},
      {R"({"x":5,"l":[{"m":"in"}]})", remove("/l/0/m"), R"({"x":5,"l":[{}]})"},
      {"[5,6,7,8]", remove("/0"), "[6,7,8]"},
      {"[5,6,7,8]", remove("/1") + "," + remove("/2"), "[5,7]"},
      {R"({"l":["a","b","c"]})", remove("/l/1"), R"({"l":["a","c"]})"},
  });
}

TEST(json_patch, replace_changes_a_value_in_its_place) {
  expect_all({
      {R"({"x":5,"y":6})", replace("/x", "[1,2]"), R"({"x":[1,2],"y":6})"},
      {R"({"l":[{"m":"in"}]})", replace("/l/0/m", R"("out")"), R"({"l":[{"m":"out"}]})"},
      {R"([""])", replace("/0", "0"), "[0]"},
      {R"([""])", replace("/0", "false"), "[false]"},
      {R"([""])", replace("/0", "null"), "[null]"},
      {R"(["a","b"])", replace("/1", R"(["c","d"])"), R"(["a",["c","d"]])"},
      {R"({"x":null})", replace("/x", "5"), R"({"x":5})"},
      {R"({"x":5})", replace("", R"({"y":6})"), R"({"y":6})"},
      {R"("text")", replace("", R"("other")"), R"("other")"},
  });
}

TEST(json_patch, move_and_copy_take_a_value_from_elsewhere) {
  expect_all({
      {R"({"x":5})", move("/x", "/x"), R"({"x":5})"},
      {R"({"x":5,"y":6})", move("/x", "/z"), R"({"y":6,"z":5})"},
      {R"({"x":null})", move("/x", "/y"), R"({"y":null})"},
      {R"({"l":[{"m":"in"}],"y":6})", move("/l/0/m", "/l/1"), R"({"l":[{},"in"],"y":6})"},
      {R"({"x":{"m":1,"n":2},"y":{"o":3}})", move("/x/n", "/y/p"), R"({"x":{"m":1},"y":{"o":3,"p":2}})"},
      {R"({"l":["a","d","b","c"]})", move("/l/1", "/l/3"), R"({"l":["a","b","c","d"]})"},
      {R"({"x":{"y":5}})", move("/x", ""), R"({"y":5})"},
      {R"({"x":null})", copy("/x", "/y"), R"({"x":null,"y":null})"},
      {R"({"l":[{"m":"in"}],"y":6})", copy("/l/0", "/c"), R"({"l":[{"m":"in"}],"y":6,"c":{"m":"in"}})"},
      {R"({"x":5})", copy("", "/c"), R"({"x":5,"c":{"x":5}})"},
  });
}

TEST(json_patch, a_copy_and_its_origin_change_apart) {
  expect_all({
      {R"({"x":{"l":[1]}})", copy("/x", "/y") + "," + add("/y/l/-", "2") + "," + add("/x/l/0", "0"),
       R"({"x":{"l":[0,1]},"y":{"l":[1,2]}})"},
      {R"({"x":{"l":[1]}})",
       add("/x/l/-", "2") + "," + copy("/x", "/y") + "," + remove("/x/l/0") + "," + add("/y/m", "3"),
       R"({"x":{"l":[2]},"y":{"l":[1,2],"m":3}})"},
      {R"([[]])", add("/0/-", "1") + "," + copy("", "/0/-") + "," + replace("/0/1/0/0", "2"), R"([[1,[[2]]]])"},
  });
}

TEST(json_patch, test_goes_on_where_the_values_are_equal) {
  for (auto const& operation :
       {test("/o", R"({"b":2,"a":1})"), test("/l", R"([{"n":2,"m":1.0}])"), test("/n", "null"), test("/l/0/m", "1"),
        test("", R"({"n":null,"l":[{"n":2,"m":1}],"o":{"a":10e-1,"b":2.0},"":0,"s":"aé😀"})"), test("/", "-0.0"),
        test("/s", R"("\u0061\u00e9\ud83d\ude00")"), test("/o/a", "0.00001e5"),
        R"({"op":"test","path":"/n","value":null,"other":1,"other":2})"s}) {
    auto const text = R"({"o":{"a":1,"b":2},"l":[{"m":1,"n":2}],"n":null,"":0,"s":"aé😀"})";
    auto const result = patched(text, "[" + operation + "]");
    EXPECT_EQ(result ? *result : detail_of(result), text) << operation;
  }
}

TEST(json_patch, test_ends_all_where_they_differ) {
  expect_none("patch_conflict", {
                                    {R"({"x":[1,2]})", test("/x", "[1]")},
                                    {R"({"x":[1,2]})", test("/x", "[2,1]")},
                                    {R"({"x":{"l":[1,2]}})", test("/x", "[1,2]")},
                                    {R"({"x":"10"})", test("/x", "10")},
                                    {R"({"x":10})", test("/x", R"("10")")},
                                    {R"({"x":false})", test("/x", "0")},
                                    {R"({"x":null})", test("/x", "{}")},
                                    {R"({"x":{"a":1}})", test("/x", R"({"a":1,"b":2})")},
                                    {R"({"x":{"a":1}})", test("/x", R"({"b":1})")},
                                    {R"({"x":9007199254740993})", test("/x", "9007199254740992")},
                                    {R"({"x":0.1})", test("/x", "0.1000000000000000055511151231257827")},
                                    {R"({"x":1e400})", test("/x", "1e401")},
                                    {R"({"x":"\ud83d"})", test("/x", R"("\ud83e")")},
                                    {R"({"x":"\ud83d"})", test("/x", R"("\ufffd")")},
                                });
}

TEST(json_patch, paths_find_names_with_any_characters) {
  auto const text =
      R"({"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"~1":9,"/":10,"1e0":11,"-":12})"sv;
  expect_all(
      {{text,
        test("/a~1b", "1") + "," + test("/c%d", "2") + "," + test("/e^f", "3") + "," + test("/g|h", "4") + "," +
            test(R"(/i\\j)", "5") + "," + test(R"(/k\"l)", "6") + "," + test("/ ", "7") + "," + test("/m~0n", "8") +
            "," + test("/~01", "9") + "," + test("/~1", "10") + "," + test("/1e0", "11") + "," + test("/-", "12"),
        text}});
  expect_all({{"{}", add(R"(/~01~1\"\\\u0001\ud83d)", "1"), R"({"~1/\"\\\u0001\ud83d":1})"}});
}

// A name that is a newline has the same text as the name that is a backslash and an n.
TEST(json_patch, a_backslash_and_a_letter_in_a_path_are_no_escape) {
  expect_none("patch_conflict", {{R"({"\n":1})", test(R"(/\\n)", "1")}});
  expect_all({{R"({"\n":1,"\\n":2})", replace(R"(/\\n)", "3"), R"({"\n":1,"\\n":3})"}});
}

TEST(json_patch, is_a_conflict_where_the_value_has_no_such_place) {
  expect_none("patch_conflict", {
                                    {"[1,2]", add("/8", "5")},
                                    {"[1,2]", add("/-1", "5")},
                                    {"[1,2]", add("/3", "5")},
                                    {"[1,2]", add("/x", "5")},
                                    {"[1,2]", add("/1e0", "5")},
                                    {"[1,2]", add("/01", "5")},
                                    {"[1,2]", add("/", "5")},
                                    {"[1,2]", add("/99999999999999999999", "5")},
                                    {R"({"x":1})", add("/y/z", "5")},
                                    {R"({"x":1})", add("/x/z", "5")},
                                    {R"({"x":1})", remove("/y")},
                                    {"[1,2]", remove("/2")},
                                    {"[1,2]", remove("/-")},
                                    {"[1,2]", remove("/1e0")},
                                    {R"({"l":[{"m":1}]})", remove("/l/1e0/m")},
                                    {R"({"x":1})", replace("/y", "5")},
                                    {R"({"x":1})", replace("/y/z", "5")},
                                    {"[1]", replace("/1", "5")},
                                    {"[1]", replace("/-", "5")},
                                    {"[1]", replace("/1e0", "5")},
                                    {R"({"x":1})", test("/y", "1")},
                                    {"[1,2]", test("/00", "1")},
                                    {"[1,2]", test("/01", "2")},
                                    {"[1,2]", test("/1e0", "2")},
                                    {R"({"l":[1]})", copy("/l/1e0", "/y")},
                                    {R"({"l":[1]})", move("/l/1e0", "/y")},
                                    {R"({"l":[1]})", copy("/m", "/y")},
                                    {R"({"x":1})", move("/y", "/y")},
                                    {R"({"l":[1,2]})", move("/l/0", "/l/2")},
                                    {"5", add("/x", "5")},
                                    {"\"a\"", remove("/0")},
                                });
}

TEST(json_patch, is_refused_before_any_value_is_looked_at_if_it_is_not_sound) {
  expect_none("invalid_patch", {
                                   {"[1]", R"({"op":"add","path":"/-"})"},
                                   {"[1]", R"({"op":"replace","path":"/0"})"},
                                   {"[null]", R"({"op":"test","path":"/0"})"},
                                   {"[1]", R"({"op":"copy","path":"/-"})"},
                                   {"[1]", R"({"op":"move","path":""})"},
                                   {"[1]", R"({"path":"/0","value":1})"},
                                   {"[1]", R"({"op":"add","value":1})"},
                                   {"[1]", R"({"op":"spam","path":"/0","value":1})"},
                                   {"[1]", R"({"op":"Add","path":"/0","value":1})"},
                                   {"[1]", R"({"op":5,"path":"/0","value":1})"},
                                   {"[1]", R"({"op":"add","path":0,"value":1})"},
                                   {"[1]", R"({"op":"add","path":null,"value":1})"},
                                   {"[1]", R"({"op":"copy","path":"/0","from":7})"},
                                   {"[1]", R"({"op":"add","path":"/0","value":1,"op":"move","from":"/0"})"},
                                   {"[1]", R"({"op":"add","path":"/0","value":1,"v\u0061lue":2})"},
                                   {"[1]", add("0", "1")},
                                   {"[1]", add("/~", "1")},
                                   {"[1]", add("/~2", "1")},
                                   {"[1]", copy("x", "/0")},
                                   {"[1]", move("/0", "/0/x")},
                                   {"[1]", move("", "/0")},
                                   {"[1]", remove("")},
                                   {"[1]", "5"},
                                   {"[1]", "null"},
                               });
  EXPECT_EQ(code_of(json_patch::parse("{}")), "invalid_patch");
  EXPECT_EQ(code_of(json_patch::parse("[")), "invalid_json");
  EXPECT_THAT(detail_of(json_patch::parse("[" + add("/a", "1") + R"(,{"op":"spam","path":"/a"}])")),
              HasSubstr("at /1/op: "));
}

TEST(json_patch, takes_1000_operations_and_not_1001) {
  std::string operations = "[";
  for (int i = 0; i < 1000; ++i) operations += add("/-", "1") + ",";
  operations.back() = ']';
  EXPECT_EQ(patched("[]", operations)->size(), 2001U);
  operations.back() = ',';
  EXPECT_EQ(code_of(json_patch::parse(operations + add("/-", "1") + "]")), "invalid_patch");
}

TEST(json_patch, a_failed_operation_is_named_by_its_index) {
  auto const operations = "[" + add("/a", "1") + "," + move("/b", "/c~1d") + "," + add("/e", "1") + "]";
  auto const patch = json_patch::parse(operations);
  json_patching patching(*patch, "{}", bytes_max);
  EXPECT_TRUE(patching.step());
  EXPECT_FALSE(patching.step());
  EXPECT_FALSE(patching.step());
  EXPECT_EQ(patching.operations_done(), 1U);
  auto const result = patching.finish();
  EXPECT_EQ(code_of(result), "patch_conflict");
  EXPECT_EQ(detail_of(result), R"(operation 1, "move" /c~1d from /b: there is no member "b")");
}

TEST(json_patch, leaves_what_it_does_not_name_byte_for_byte) {
  auto const text =
      R"( {"z":1.0, "a" : 1E2,"n":[ 12345678901234567890, 1e400 ],"s":"\u0041\ud83d","m":{ "k" : -0 }} )"sv;
  expect_all(
      {{text, add("/n/1", "1.50") + "," + copy("/n/0", "/m/c") + "," + move("/z", "/n/-") + "," + replace("/a", "2.0"),
        R"( { "a" : 2.0,"n":[ 12345678901234567890, 1.50, 1e400, 1.0 ],"s":"\u0041\ud83d","m":{ "k" : -0, "c" : 12345678901234567890 }} )"},
       {"{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ],\n  \"c\": { }\n}\n",
        remove("/a") + "," + add("/b/-", "3") + "," + test("/c", "{}") + "," + add("/d", "4"),
        "{\n  \"b\": [\n    1,\n    2,\n    3\n  ],\n  \"c\": { },\n  \"d\": 4\n}\n"}});
}

TEST(json_patch, is_a_conflict_only_where_it_names_a_name_that_is_there_twice) {
  auto const text = R"({"a":1,"a":2,"o":{"a":1,"\u0061":2}})"sv;
  expect_all({{text, add("/o/b", "3"), R"({"a":1,"a":2,"o":{"a":1,"\u0061":2,"b":3}})"}});
  for (auto const& operation : {add("/a", "3"), replace("/o/a", "3"), remove("/a"), copy("/o/a", "/x"), test("/a", "2"),
                                move("/a", "/b"), add("/o/a/b", "1"), test("/o", R"({"a":2})")})
    EXPECT_EQ(code_of(patched(text, "[" + operation + "]")), "patch_conflict") << operation;
  // An object with a repeated name does not equal even itself.
  EXPECT_FALSE(patched(R"({"a":1,"a":1})", "[" + test("", R"({"a":1,"a":1})") + "]"));
}

TEST(json_patch, copies_that_grow_beyond_the_limit_end_it_at_once) {
  std::string operations = "[" + copy("", "/-");
  for (int i = 0; i < 999; ++i) operations += "," + copy("", "/-");
  operations += ']';
  auto const patch = json_patch::parse(operations);
  json_patching patching(*patch, "[1]", 10'000);
  while (patching.step()) {
  }
  EXPECT_LT(patching.operations_done(), 20U);
  EXPECT_EQ(code_of(patching.finish()), "patch_conflict");
  EXPECT_THAT(detail_of(patching.finish()), HasSubstr("10000 bytes"));
}

TEST(json_patch, the_size_is_limited_after_each_operation_and_exact) {
  auto const grown = "[" + add("/-", "\"12345\"") + "," + remove("/1") + "]";
  EXPECT_TRUE(patched("[1]", grown, 11));
  EXPECT_EQ(code_of(patched("[1]", grown, 10)), "patch_conflict");
  EXPECT_TRUE(patched("{ \"a\" : [ 1 ] }", "[" + add("/a/0", "22") + "]", 19));
  EXPECT_FALSE(patched("{ \"a\" : [ 1 ] }", "[" + add("/a/0", "22") + "]", 18));
}

TEST(json_patch, makes_nothing_deeper_than_a_value_may_be) {
  auto const deep = std::string(510, '[') + std::string(510, ']');  // two more in the patch
  EXPECT_TRUE(patched(R"({"b":{}})", "[" + add("/b/a", deep) + "]"));
  EXPECT_EQ(code_of(patched(R"({"b":{"c":{}}})", "[" + add("/b/c/a", deep) + "]")), "patch_conflict");
  std::string doubling = "[" + copy("", "/0");
  std::string path = "/0";
  for (int i = 0; i < 11; ++i) {
    path += path;
    doubling += "," + copy("", path);
  }
  auto const result = patched("[[]]", doubling + "]");
  if (result) {
    EXPECT_TRUE(protocol::check_json(*result));
  } else {
    EXPECT_THAT(detail_of(result), HasSubstr("512"));
  }
}

// Only as many levels of the value are indexed as the paths are deep; moved parts are indexed again.
TEST(json_patch, finds_its_way_into_what_was_moved_up) {
  expect_all(
      {{R"({"a":{"b":{"c":{"d":{"e":1}}}}})", move("/a/b", "/x") + "," + move("/x/c", "/y") + "," + add("/y/d/f", "2"),
        R"({"a":{},"x":{},"y":{"d":{"e":1,"f":2}}})"}});
}

/// Another implementation's result for one operation, if it has one. It does not support places inside scalars.
std::optional<nlohmann::json> reference(nlohmann::json const& target, nlohmann::json const& operation) {
  try {
    nlohmann::json::json_pointer const path(operation["path"].get<std::string>());
    if (operation["op"] != "test" && !path.empty() && !target.at(path.parent_pointer()).is_structured())
      return std::nullopt;
    return target.patch(nlohmann::json::array({operation}));
  } catch (nlohmann::json::exception const&) {
    return std::nullopt;
  }
}

TEST(json_patch, agrees_with_another_implementation) {
  std::mt19937 random(6902);
  auto const path = [&] {
    constexpr std::array<std::string_view, 7> tokens{"/a", "/b", "/~0~1", "/", "/0", "/1", "/-"};
    std::string text;
    for (auto count = random() % 4; count != 0; --count) text += tokens[random() % tokens.size()];
    return text;
  };
  int done = 0, refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto const text = random_json(random, 4);
    std::optional<nlohmann::json> expected = nlohmann::json::parse(text);
    std::string operations = "[";
    for (auto count = 1 + random() % 3; count != 0 && expected; --count) {
      auto const to = path();
      auto const from = path();
      std::string operation;
      switch (random() % 6) {
        case 0:
          operation = add(to, random_json(random, 2));
          break;
        case 1:
          operation = to.empty() ? test(to, text) : remove(to);
          break;
        case 2:
          operation = replace(to, random_json(random, 2));
          break;
        case 3:
          if (to.starts_with(from + "/") || (from == to && to.empty())) continue;
          operation = move(from, to);
          break;
        case 4:
          operation = copy(from, to);
          break;
        default: {
          nlohmann::json::json_pointer const pointer(to);
          operation = test(to, random_json(random, 1));
          if (random() % 4 == 0) break;
          try {
            operation = test(to, expected->at(pointer).dump());
          } catch (nlohmann::json::exception const&) {  // there is no such place
          }
        }
      }
      operations += (operations.size() > 1 ? "," : "") + operation;
      expected = reference(*expected, nlohmann::json::parse(operation));
    }
    operations += "]";
    auto const result = patched(text, operations);
    ASSERT_EQ(result.has_value(), expected.has_value()) << text << " with " << operations << ": " << detail_of(result);
    if (!result) {
      ASSERT_EQ(code_of(result), "patch_conflict") << operations;
      ++refused;
      continue;
    }
    ++done;
    ASSERT_EQ(nlohmann::json::parse(*result), *expected) << text << " with " << operations << " became " << *result;
  }
  EXPECT_GT(done, 2'000);
  EXPECT_GT(refused, 2'000);
}

// The counted size determines the limit, so it must equal the written size.
TEST(json_patch, counts_the_bytes_that_it_writes) {
  std::mt19937 random(5);
  for (int round = 0; round < 3'000; ++round) {
    auto const text = random_json(random, 4);
    auto const operations =
        "[" + copy("", "/a") + "," + add("/b", "1") + "," + copy("/a", "/~0~1") + "," + remove("/b") + "]";
    auto const result = patched(text, operations);
    if (!result) continue;
    auto const core = result->substr(result->find_first_not_of(" \n\t"));
    auto const size = core.find_last_not_of(" \n\t") + 1;
    auto const before_removal = size + 64;
    ASSERT_TRUE(patched(text, operations, before_removal)) << text;
    auto const last = "[" + copy("", "/a") + "," + add("/b", "1") + "," + copy("/a", "/~0~1") + "]";
    auto const largest = patched(text, last)->size();
    ASSERT_TRUE(patched(text, last, largest)) << text;
    ASSERT_FALSE(patched(text, last, largest - 1)) << text << " became " << *patched(text, last);
  }
}

}  // namespace
}  // namespace holdfast::server::json
