#include "protocol/entity_tag.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace holdfast::protocol {
namespace {

constexpr entity_tag tag{0x3f, 17};

TEST(entity_tag, is_written_with_its_quotes) {
  EXPECT_EQ(to_string(tag), "\"3f-17\"");
  EXPECT_EQ(to_string({0x1234, 18}), "\"1234-18\"");
  EXPECT_EQ(to_string({0, 19}), "\"0-19\"");
  EXPECT_EQ(to_string(tag), "\"3f-17\"");
}

TEST(entity_tag, has_room_for_the_largest_numbers) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(to_string({most, most}), "\"ffffffffffffffff-18446744073709551615\"");
  EXPECT_EQ(to_string({0, 0}), "\"0-0\"");
}

TEST(parse_entity_tag, reads_back_what_was_written) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  for (auto const& each : {tag, entity_tag{0, 0}, entity_tag{most, most}})
    EXPECT_EQ(parse_entity_tag(to_string(each)), each);
}

TEST(parse_entity_tag, gives_nothing_for_another_form) {
  for (auto const* text : {"", "\"", "\"\"", "3f-17", "W/\"3f-17\"", "\"3f-17", "3f-17\"", "\"3f-\"", "\"-17\"",
                           "\"3f\"", "\"3f-17x\"", "\"x-17\"", "\"3f--17\"", "\"-3f-17\"", "\"3f-17-1\"",
                           "\"10000000000000000-1\"", "\"1-18446744073709551616\"", "\" 3f-17\"", "*"})
    EXPECT_EQ(parse_entity_tag(text), std::nullopt) << text;
}

/// As If-None-Match compares (RFC 9110 §13.1.2).
bool names(std::string_view list) {
  return parse_tag_list(list, tag.start).names_weakly(tag.revision);
}

TEST(parse_tag_list, finds_the_tag_alone_and_in_lists) {
  for (auto const* list : {R"("3f-17")", R"("a", "3f-17")", R"("3f-17", "a")", R"("a","3f-17","b")",
                           R"("a" ,	"3f-17")", R"( "3f-17" )", R"("", "3f-17")", R"("a, b", "3f-17")"})
    EXPECT_TRUE(names(list)) << list;
}

TEST(parse_tag_list, compares_weakly) {
  EXPECT_TRUE(names(R"(W/"3f-17")"));
  EXPECT_TRUE(names(R"(W/"a", W/"3f-17")"));
}

TEST(parse_tag_list, a_weak_tag_is_not_named_strongly) {
  auto const list = parse_tag_list(R"(W/"3f-17", "3f-18")", tag.start);
  EXPECT_FALSE(list.names_strongly(17));
  EXPECT_TRUE(list.names_strongly(18));
  EXPECT_TRUE(list.has_weak);
  EXPECT_FALSE(parse_tag_list(R"("3f-17")", tag.start).has_weak);
}

TEST(parse_tag_list, skips_empty_members_of_a_list) {
  EXPECT_TRUE(names(R"(, "a",, "3f-17",)"));
  EXPECT_FALSE(names(","));
  EXPECT_FALSE(names(" , ,"));
}

TEST(parse_tag_list, an_asterisk_names_every_tag) {
  EXPECT_TRUE(names("*"));
  EXPECT_TRUE(names(" * "));
}

TEST(parse_tag_list, another_tag_is_not_named) {
  for (auto const* list :
       {R"("3f-18")", R"("3f-1")", R"("3e-17")", R"("3F-17")", R"("")", R"("x3f-17")", R"("3f-17 ")", "", " "})
    EXPECT_FALSE(names(list)) << list;
}

TEST(parse_tag_list, a_list_of_other_tags_is_not_malformed) {
  for (auto const* list : {R"("3f-18")", R"("*")", "*", R"(, "a",)", R"(W/"a", "b")"})
    EXPECT_FALSE(parse_tag_list(list, tag.start).is_malformed) << list;
}

TEST(parse_tag_list, a_malformed_list_names_nothing_and_says_so) {
  for (auto const* list : {R"(3f-17)",
                           R"("3f-17)",
                           R"(3f-17")",
                           R"(w/"3f-17")",
                           R"(W/ "3f-17")",
                           R"(W/3f-17)",
                           R"("a" "3f-17")",
                           R"("a""3f-17")",
                           R"("3f-17", b)",
                           R"("3f-17"x)",
                           R"("3f-17" "b")",
                           R"("3f-17", *)",
                           R"(*, "3f-17")",
                           R"(**)",
                           R"("3f-17";x)",
                           R"("3f-17", "b)",
                           R"(W/)",
                           R"(W/W/"3f-17")",
                           "*,",
                           "*, *",
                           ",*",
                           "",
                           " ",
                           ",",
                           " , ,"}) {
    EXPECT_FALSE(names(list)) << list;
    EXPECT_TRUE(parse_tag_list(list, tag.start).is_malformed) << list;
  }
}

}  // namespace
}  // namespace holdfast::protocol
