// `holdfast load --verify` against a server that answers right, and against ones that answer wrongly on purpose.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/client/program.hpp"
#include "tests/client/verify/model_server.hpp"
#include "tests/client/verify/overtaking_server.hpp"

namespace holdfast::tests {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using fault = model_server::fault;

/// A short run; the options in `more` are the ones that a test is about.
program_result verify(std::string const& url, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"load", "--server", url, "--verify", "--quiet", "--keys", "4"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(HOLDFAST_PROGRAM, {.arguments = std::move(arguments), .standard_input = {}, .environment = {}});
}

program_result verify(model_server const& server, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"--connections", "3", "--duration", "200ms", "--mix", "get=60,put=30,delete=10"});
  return verify(server.url(), std::move(more));
}

TEST(cli_verify, finds_the_answers_of_a_right_server_linearizable) {
  model_server const server(fault::none);
  auto const ended = verify(server);
  EXPECT_EQ(ended.exit_status, 0) << ended.out << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("answers  linearizable"), HasSubstr("on 4 keys"), HasSubstr("revisions rise"),
                               Not(HasSubstr("VIOLATED"))));
}

struct silent_server {
  char const* name;
  fault what;
  char const* error;
};

void PrintTo(silent_server const& server, std::ostream* out) {
  *out << server.name;
}

class silent_servers : public testing::TestWithParam<silent_server> {};

// What was lost is an error and is named, but it may have happened or not: no answer was wrong.
TEST_P(silent_servers, leave_open_what_may_have_happened) {
  model_server const server(GetParam().what);
  // Time enough for a busy machine to store the keys, where not a stall has to wait for its end; and a run long enough
  // to lose some puts and deletes, not gets alone.
  auto const* const timeout = GetParam().what == fault::stalling ? "200ms" : "5s";
  auto const ended = verify(server.url(), {"--connections", "3", "--duration", "1500ms", "--mix",
                                           "get=40,put=50,delete=10", "--timeout", timeout});
  EXPECT_EQ(ended.exit_status, 1) << ended.out << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("answers  linearizable"), testing::ContainsRegex(GetParam().error)));
  // A get that was lost changed nothing, so it leaves nothing open.
  auto const leaves_open = HasSubstr("of them unanswered");
  if (GetParam().what == fault::cut_body) {
    EXPECT_THAT(ended.out, Not(leaves_open));
  } else {
    EXPECT_THAT(ended.out, leaves_open);
  }
}

INSTANTIATE_TEST_SUITE_P(cli_verify, silent_servers,
                         testing::Values(silent_server{"closing", fault::silent, "errors .*reset "},
                                         silent_server{"stalling", fault::stalling, "errors .*timeout "},
                                         silent_server{"failing", fault::failing, "errors .*put answered 500: "},
                                         silent_server{"cut_body", fault::cut_body, "errors .*bad_answer "}),
                         [](auto const& test) { return std::string(test.param.name); });

TEST(cli_verify, is_undecided_when_there_is_no_time) {
  model_server const server(fault::none);
  auto const ended = verify(server, {"--verify-time", "0"});
  EXPECT_EQ(ended.exit_status, 6) << ended.out << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("answers  UNDECIDED"));
}

TEST(cli_verify, finds_revisions_that_fall) {
  model_server const server(fault::falling_revision);
  auto const ended = verify(server);
  EXPECT_EQ(ended.exit_status, 5) << ended.out << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("answers  linearizable"), HasSubstr("OUT OF TURN"),
                               HasSubstr("had a revision that was told before they began")));
}

TEST(cli_verify, finds_a_lock_that_is_granted_to_who_asked_last) {
  overtaking_server const server;
  std::vector<std::string> const options{"--connections", "6", "--mix", "get=1", "--duration", "600ms"};
  auto const ended = verify(server.url(), options);
  EXPECT_EQ(ended.exit_status, 5) << ended.out << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("answers  linearizable"),
                               testing::ContainsRegex("OUT OF TURN: in .* who asked later was granted earlier")));
  auto as_json = options;
  as_json.emplace_back("--json");
  auto const told = nlohmann::json::parse(verify(server.url(), as_json).out)["verification"]["lock_order"];
  EXPECT_EQ(told["broken"], true);
  EXPECT_GT(told["broken_pairs"], 0);
  EXPECT_GT(told["margin_ms"], 50.0);
}

TEST(cli_verify, tells_of_each_run_of_several) {
  model_server const server(fault::none);
  auto const ended = verify(server, {"--runs", "2"});
  EXPECT_EQ(ended.exit_status, 0) << ended.out << ended.err;
  EXPECT_THAT(ended.out, testing::ContainsRegex("run  2 .*answers linearizable"));
}

struct wrong_server {
  char const* name;
  fault what;
  std::vector<std::string> kinds;  ///< one of these, by what else was under way
  char const* says;
};

void PrintTo(wrong_server const& server, std::ostream* out) {
  *out << server.name;
}

class wrong_servers : public testing::TestWithParam<wrong_server> {
 protected:
  /// A run long enough to meet the fault: some need a get soon after the right put or delete, and a busy machine under
  /// a sanitizer does few requests in the 200 ms of a short one.
  static program_result verify_until_caught(std::vector<std::string> const& more = {}) {
    for (auto const* const duration : {"200ms", "1s"}) {
      auto ended = verify_for(duration, more);
      if (ended.exit_status == 5) return ended;
    }
    return verify_for("4s", more);
  }

 private:
  static program_result verify_for(char const* duration, std::vector<std::string> more) {
    model_server const server(GetParam().what);
    more.insert(more.begin(), {"--connections", "3", "--duration", duration, "--mix", "get=60,put=30,delete=10"});
    return verify(server.url(), std::move(more));
  }
};

TEST_P(wrong_servers, are_caught_and_named) {
  auto const drawn = verify_until_caught();
  EXPECT_EQ(drawn.exit_status, 5) << drawn.out << drawn.err;
  EXPECT_THAT(drawn.out, AllOf(HasSubstr("answers  VIOLATED"), HasSubstr(GetParam().says), HasSubstr("connection ")));
  EXPECT_THAT(drawn.out, Not(HasSubstr("Some of these may not be needed")));
  auto const ended = verify_until_caught({"--json"});
  EXPECT_EQ(ended.exit_status, 5) << ended.err;
  auto const told = nlohmann::json::parse(ended.out)["verification"];
  EXPECT_EQ(told["verdict"], "violated");
  ASSERT_GE(told["violations"].size(), 1U);
  for (auto const& violation : told["violations"]) {
    EXPECT_THAT(GetParam().kinds, testing::Contains(violation["kind"].get<std::string>())) << violation["timeline"];
    EXPECT_TRUE(violation["minimal"].get<bool>());
    // None of them can be left out; a slow machine, where much is under way at once, needs twelve to show some faults.
    EXPECT_LE(violation["operations"].size(), 16U);
  }
}

INSTANTIATE_TEST_SUITE_P(
    cli_verify, wrong_servers,
    testing::Values(
        wrong_server{"other_keys_value", fault::other_keys_value, {"foreign_value"}, "It was put under key "},
        wrong_server{"stale_value",
                     fault::stale_value,
                     {"stale_read", "lost_update", "returned_after_delete", "contradiction"},
                     "a value was read"},
        wrong_server{"lost_update",
                     fault::lost_update,
                     {"lost_update", "returned_after_delete", "lost_value", "wrong_status", "contradiction"},
                     "key 'load-"},
        wrong_server{"foreign_value", fault::foreign_value, {"foreign_value"}, "Nobody has put it in this run."},
        wrong_server{"broken_value", fault::broken_value, {"foreign_value"}, "It is no value that this run puts."},
        wrong_server{// lost_value: were an earlier read that found nothing wrong instead, all would be well too.
                     "undeleted",
                     fault::undeleted,
                     {"returned_after_delete", "wrong_status", "lost_value", "contradiction"},
                     "key 'load-"}),
    [](auto const& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace holdfast::tests
