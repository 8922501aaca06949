// `holdfast compare` as a build pipeline sees it: streams and exit statuses.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/client/program.hpp"

namespace holdfast::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class cli_compare : public testing::Test {
 protected:
  ~cli_compare() override { std::filesystem::remove_all(folder_); }

  /// A file of five runs with a p99 of about `p99`, or of one.
  std::string file(std::string const& name, double p99, int runs = 5) const {
    std::filesystem::create_directories(folder_);
    auto path = folder_ / name;
    std::ofstream out(path);
    out << R"({"version": 1, "runs": [)";
    for (int i = 0; i < runs; ++i) {
      out << (i == 0 ? "" : ",") << R"({"version": 1, "settings": {}, "throughput_per_s": 1000,)"
          << R"("latency_ms": {"all": {"p99": )" << p99 * (1 + i * 0.001) << "}}}";
    }
    out << "]}";
    return path;
  }

  static program_result compare(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "compare");
    return run_program(HOLDFAST_PROGRAM, {.arguments = std::move(arguments), .standard_input = {}, .environment = {}});
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) /
      ("holdfast_compare_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
};

TEST_F(cli_compare, exits_with_4_when_a_limit_is_broken_and_tells_which) {
  auto const ended = compare({file("a", 5), file("b", 6), "--fail-if", "p99>+5%", "--fail-if", "p99>+50%"});
  EXPECT_EQ(ended.exit_status, 4);
  EXPECT_THAT(ended.out, HasSubstr("p99>+5%  BROKEN"));
  EXPECT_THAT(ended.out, HasSubstr("p99>+50%  held"));
  EXPECT_EQ(ended.err, "");
}

TEST_F(cli_compare, exits_with_0_without_limits_whatever_has_changed) {
  auto const ended = compare({file("a", 5), file("b", 6)});
  EXPECT_EQ(ended.exit_status, 0);
  EXPECT_THAT(ended.out, HasSubstr("WORSE"));
}

TEST_F(cli_compare, says_that_it_cannot_judge_a_single_run_and_exits_with_0) {
  auto const ended = compare({file("a", 5, 1), file("b", 50), "--fail-if", "p99>+5%"});
  EXPECT_EQ(ended.exit_status, 0);
  EXPECT_THAT(ended.out, HasSubstr("not judged"));
  EXPECT_THAT(ended.out, HasSubstr("1 run and 5 runs can't tell a difference from chance"));
}

TEST_F(cli_compare, prints_json) {
  EXPECT_THAT(compare({file("a", 5), file("b", 6), "--json"}).out, StartsWith("{\n  \"version\": 1,"));
}

TEST_F(cli_compare, writes_a_page_beside_the_text_or_says_why_it_can_not) {
  auto const page = file("page.html", 1);
  auto const ended = compare({file("a", 5), file("b", 6), "--html", page, "--fail-if", "p99>+5%"});
  std::ostringstream text;
  text << std::ifstream(page).rdbuf();
  if (ended.exit_status == 2) {
    EXPECT_THAT(ended.err, HasSubstr("apt-get install nodejs npm"));
    EXPECT_THAT(text.str(), StartsWith("{"));
    return;
  }
  EXPECT_EQ(ended.exit_status, 4) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("p99>+5%  BROKEN"));
  EXPECT_THAT(text.str(), testing::AllOf(StartsWith("<!doctype html>"), HasSubstr(R"("middle":3)")));
  EXPECT_EQ(compare({file("a", 5), file("b", 6), "--html", "/nowhere/page"}).exit_status, 2);
}

TEST_F(cli_compare, exits_with_2_for_what_it_cannot_read) {
  auto const missing = compare({file("a", 5), "/nowhere/b"});
  EXPECT_EQ(missing.exit_status, 2);
  EXPECT_EQ(missing.err, "holdfast: '/nowhere/b' can't be read: No such file or directory\n");
  auto const limit = compare({file("a", 5), file("b", 5), "--fail-if", "p98>+5%"});
  EXPECT_EQ(limit.exit_status, 2);
  EXPECT_THAT(limit.err, HasSubstr("'p98' is no figure; there are throughput, p50,"));
  EXPECT_EQ(compare({file("a", 5)}).exit_status, 2);
}

}  // namespace
}  // namespace holdfast::tests
