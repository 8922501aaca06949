#include "server/web/page_files.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace holdfast::server {
namespace {

TEST(page_files, there_is_a_page_whatever_it_was_built_with) {
  auto const files = page_files();
  ASSERT_FALSE(files.empty());
  EXPECT_EQ(files.front().path, "/");
  EXPECT_EQ(files.front().content_type, "text/html; charset=utf-8");
  EXPECT_NE(files.front().bytes.find("<!doctype html>"), std::string_view::npos);
}

TEST(page_files, every_file_that_the_page_names_is_there_and_has_a_tag_of_its_own) {
  auto const files = page_files();
  std::set<std::string_view> tags;
  for (auto const& file : files) {
    EXPECT_TRUE(file.etag.size() == 18 && file.etag.starts_with('"') && file.etag.ends_with('"')) << file.etag;
    EXPECT_TRUE(tags.insert(file.etag).second) << file.path;
  }
  auto const page = files.front().bytes;
  for (auto at = page.find("/assets/"); at != std::string_view::npos; at = page.find("/assets/", at + 1)) {
    auto const named = page.substr(at, page.find('"', at) - at);
    EXPECT_TRUE(std::ranges::any_of(files, [&](auto const& file) { return file.path == named; })) << named;
  }
}

TEST(page_files, the_page_keeps_to_its_policy_and_has_nothing_inline) {
  auto const page = page_files().front().bytes;
  for (auto const* inlined : {"<style", "style=", "<script>", "onclick=", "http://", "https://"})
    EXPECT_EQ(page.find(inlined), std::string_view::npos) << inlined;
}

}  // namespace
}  // namespace holdfast::server
