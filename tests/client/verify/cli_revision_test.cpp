// `holdfast load --verify` against a server whose answers state revisions: one that is right, and one for each way to
// be wrong.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/client/program.hpp"
#include "tests/client/verify/revision_server.hpp"

namespace holdfast::tests {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using fault = revision_server::fault;

constexpr auto everything = "get=20,put=10,delete=8,list=12,txn=15,cas=15,create=10,incr=10,watch=25";

program_result verify(revision_server const& server, char const* mix, std::vector<std::string> more = {},
                      char const* duration = "300ms") {
  std::vector<std::string> arguments{"load", "--server", server.url(), "--verify", "--quiet", "--keys",    "5", "--mix",
                                     mix,    "-c",       "5",          "-d",       duration,  "--threads", "2"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(HOLDFAST_PROGRAM, {.arguments = std::move(arguments), .standard_input = {}, .environment = {}});
}

TEST(cli_revision, finds_a_right_server_strictly_serializable) {
  revision_server const server(fault::none);
  auto const ended = verify(server, everything, {"--ttl", "uniform:5ms..50ms", "--ttl-share", "30%"}, "1s");
  EXPECT_EQ(ended.exit_status, 0) << ended.out << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("answers  strictly serializable"), HasSubstr("changes replayed"),
                               HasSubstr("events of watchers compared"), HasSubstr("each change once and in order"),
                               Not(HasSubstr("VIOLATED"))));
  for (auto const* const operation : {"\n  get ", "\n  put ", "\n  delete ", "\n  list ", "\n  txn ", "\n  incr "})
    EXPECT_THAT(ended.out, HasSubstr(operation));
}

// What was lost may have happened or not. Where nobody watches, all of it has to be inferred.
TEST(cli_revision, leaves_open_what_was_never_answered) {
  for (auto const* const mix : {everything, "get=20,put=15,delete=10,list=15,txn=15,cas=15,create=10,incr=10"}) {
    revision_server const server(fault::silent);
    auto const ended = verify(server, mix, {"--ttl", "uniform:5ms..50ms", "--ttl-share", "30%"}, "1s");
    EXPECT_EQ(ended.exit_status, 1) << ended.out << ended.err;
    EXPECT_THAT(ended.out, AllOf(HasSubstr("answers  strictly serializable"), HasSubstr("of them unanswered")));
  }
}

struct wrong_server {
  char const* name;
  fault what;
  char const* mix;
  std::set<std::string> called;  ///< one of these, by what else was under way
  std::vector<std::string> more;
};

void PrintTo(wrong_server const& server, std::ostream* out) {
  *out << server.name;
}

class wrong_revisions : public testing::TestWithParam<wrong_server> {};

TEST_P(wrong_revisions, are_found_and_named) {
  auto const& asked = GetParam();
  program_result ended;
  // Longer on a machine that is busy: a fault needs the right requests around it.
  for (auto const* const duration : {"300ms", "1s", "4s"}) {
    revision_server const server(asked.what);
    auto more = asked.more;
    more.emplace_back("--json");
    ended = verify(server, asked.mix, std::move(more), duration);
    if (ended.exit_status == 5) break;
  }
  ASSERT_EQ(ended.exit_status, 5) << ended.out << ended.err;
  auto const told = nlohmann::json::parse(ended.out)["verification"];
  EXPECT_EQ(told["verdict"], "violated");
  EXPECT_GE(told["contradictions"], 1);
  EXPECT_LE(told["violated_keys"], told["keys"]) << "one key may have many contradictions";
  EXPECT_EQ(told["proof"], "by_revision");
  ASSERT_GE(told["violations"].size(), 1U);
  std::set<std::string> kinds;
  for (auto const& violation : told["violations"]) {
    kinds.insert(violation["kind"].get<std::string>());
    EXPECT_LE(violation["operations"].size(), 16U);
    EXPECT_THAT(violation["timeline"].get<std::string>(), HasSubstr("connection "));
  }
  for (auto const& kind : kinds) EXPECT_TRUE(asked.called.contains(kind)) << kind << '\n' << told["violations"].dump(1);
}

INSTANTIATE_TEST_SUITE_P(
    cli_revision, wrong_revisions,
    testing::Values(
        wrong_server{"lost_update", fault::lost_update, "cas=80,get=20", {"lost_update"}, {}},
        wrong_server{"stale_read", fault::stale_read, "get=60,put=40", {"stale_read", "lost_update"}, {}},
        wrong_server{"stale_list", fault::stale_list, "list=50,put=50", {"stale_list"}, {}},
        wrong_server{"incomplete_list", fault::incomplete_list, "list=50,put=50", {"stale_list"}, {}},
        wrong_server{"write_skew",
                     fault::write_skew,
                     "txn=100",
                     {"write_skew", "lost_update", "stale_read", "torn_transaction"},
                     {}},
        wrong_server{"torn_transaction",
                     fault::torn_transaction,
                     "txn=60,list=40",
                     {"torn_transaction", "stale_list", "lost_update", "stale_read", "same_revision", "time_backwards",
                      "write_skew", "applied_twice", "foreign_value", "wrong_refusal"},
                     {}},
        wrong_server{"lost_write", fault::lost_write, "get=50,put=50", {"lost_write", "created_twice"}, {}},
        wrong_server{"created_twice", fault::created_twice, "create=80,delete=20", {"created_twice", "lost_write"}, {}},
        wrong_server{"undeleted",
                     fault::undeleted,
                     "get=50,put=20,delete=30",
                     {"returned_after_delete", "wrong_status", "lost_update"},
                     {}},
        wrong_server{"backwards", fault::backwards, "put=100", {"time_backwards", "same_revision"}, {}},
        wrong_server{
            "early_expiry", fault::early_expiry, "get=50,put=50", {"lost_write", "created_twice"}, {"--ttl", "10s"}},
        wrong_server{"late_expiry", fault::late_expiry, "get=80,put=20", {"expired_value"}, {"--ttl", "1ms"}},
        wrong_server{"lost_increment", fault::lost_increment, "incr=100", {"lost_update"}, {}},
        wrong_server{"missed_event", fault::missed_event, "put=60,watch=40", {"missed_change"}, {}},
        wrong_server{"repeated_event", fault::repeated_event, "put=60,watch=40", {"repeated_change"}, {}},
        wrong_server{"other_keys_value", fault::other_keys_value, "get=60,put=40", {"foreign_value"}, {}},
        wrong_server{"wrong_refusal", fault::wrong_refusal, "cas=60,txn=40", {"wrong_refusal"}, {}}),
    [](auto const& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace holdfast::tests
