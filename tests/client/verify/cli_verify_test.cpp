// `holdfast load --verify` against a server that answers right, and against ones that answer wrongly on purpose.
#include <gmock/gmock.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "tests/client/program.hpp"
#include "tests/client/scripted_server.hpp"

namespace holdfast::tests {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A key-value server in a few lines, with a place for each fault.
class model_server {
 public:
  enum class fault : std::uint8_t {
    none,
    other_keys_value,  ///< a get answers what another key has
    stale_value,       ///< a get answers what the key had before
    lost_update,       ///< a put is answered and not stored
    foreign_value,     ///< a get answers a value of the run's own form that nobody has put
    broken_value,      ///< a get answers with a value that is cut off
    undeleted,         ///< a delete is answered and not done
    falling_revision,  ///< a put tells a lower revision than those before
    silent,            ///< a put is done, and the connection closed without an answer
  };

  explicit model_server(fault what) : fault_(what), server_([this](auto const& request) { return answer(request); }) {}

  [[nodiscard]] std::string url() const { return server_.url(); }

 private:
  struct stored {
    std::string value, before;
  };

  scripted_answer answer(scripted_server::request const& request) {
    auto const& text = request.text;
    auto const path_begin = text.find('/');
    auto const path = text.substr(path_begin, text.find_first_of(" ?", path_begin) - path_begin);
    std::lock_guard const guard(mutex_);
    ++requests_;
    // The keys are stored before the run, and removed after it, by a server that is in order.
    auto const is_faulty = requests_ > 20 && requests_ % 7 == 0;
    if (text.starts_with("GET")) return get(path, is_faulty);
    if (text.starts_with("PUT")) return put(path, text.substr(text.find("\r\n\r\n") + 4), is_faulty);
    return del(path, is_faulty);
  }

  scripted_answer get(std::string const& path, bool is_faulty) {
    auto const found = entries_.find(path);
    if (found == entries_.end()) return {.bytes = sound_answer("404 Not Found", problem, "{}")};
    auto value = found->second.value;
    if (is_faulty) {
      if (fault_ == fault::other_keys_value)
        value = (found == entries_.begin() ? entries_.rbegin()->second : entries_.begin()->second).value;
      if (fault_ == fault::stale_value && !found->second.before.empty()) value = found->second.before;
      if (fault_ == fault::foreign_value) value.replace(9, 16, "00000000deadbeef");
      if (fault_ == fault::broken_value) value.erase(40, 1);
    }
    return {.bytes = sound_answer("200 OK", "Content-Type: application/json\r\n" + tag(), value)};
  }

  scripted_answer put(std::string const& path, std::string value, bool is_faulty) {
    auto const is_new = !entries_.contains(path);
    if (!is_faulty || fault_ != fault::lost_update) {
      auto& entry = entries_[path];
      entry.before = std::exchange(entry.value, std::move(value));
    }
    ++revision_;
    if (is_faulty && fault_ == fault::silent) return {.bytes = {}, .then = scripted_answer::ending::close};
    if (is_faulty && fault_ == fault::falling_revision) revision_ -= 2;
    if (is_new) return {.bytes = sound_answer("201 Created", tag(), "")};
    return {.bytes = "HTTP/1.1 204 No Content\r\n" + tag() + "\r\n"};
  }

  scripted_answer del(std::string const& path, bool is_faulty) {
    if (!entries_.contains(path)) return {.bytes = sound_answer("404 Not Found", problem, "{}")};
    if (!is_faulty || fault_ != fault::undeleted) entries_.erase(path);
    ++revision_;
    return {.bytes = "HTTP/1.1 204 No Content\r\n\r\n"};
  }

  [[nodiscard]] std::string tag() const { return "ETag: \"00000000000000ff-" + std::to_string(revision_) + "\"\r\n"; }

  static constexpr auto problem = "Content-Type: application/problem+json\r\n";

  fault const fault_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, stored> entries_;
  std::uint64_t requests_ = 0;
  std::uint64_t revision_ = 100;
  scripted_server server_;  // last: its threads use the others
};

using fault = model_server::fault;

program_result verify(model_server const& server, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{
      "load",    "--server",   server.url(), "--verify", "--connections",          "3", "--keys", "4",
      "--quiet", "--duration", "200ms",      "--mix",    "get=60,put=30,delete=10"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(HOLDFAST_PROGRAM, {.arguments = std::move(arguments), .standard_input = {}, .environment = {}});
}

TEST(cli_verify, finds_the_answers_of_a_right_server_linearizable) {
  model_server const server(fault::none);
  auto const ended = verify(server);
  EXPECT_EQ(ended.exit_status, 0) << ended.out << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("answers  linearizable"), HasSubstr("on 4 keys"), HasSubstr("revisions rise"),
                               Not(HasSubstr("VIOLATED"))));
}

TEST(cli_verify, takes_a_put_without_an_answer_for_one_that_may_have_happened) {
  model_server const server(fault::silent);
  auto const ended = verify(server);
  // The lost connections are errors, but the answers were right.
  EXPECT_EQ(ended.exit_status, 1) << ended.out << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("answers  linearizable"), HasSubstr("of them unanswered")));
}

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

class wrong_servers : public testing::TestWithParam<wrong_server> {};

TEST_P(wrong_servers, are_caught_and_named) {
  {
    model_server const server(GetParam().what);
    auto const ended = verify(server);
    EXPECT_EQ(ended.exit_status, 5) << ended.out << ended.err;
    EXPECT_THAT(ended.out, AllOf(HasSubstr("answers  VIOLATED"), HasSubstr(GetParam().says), HasSubstr("connection ")));
  }
  model_server const server(GetParam().what);
  auto const ended = verify(server, {"--json"});
  EXPECT_EQ(ended.exit_status, 5);
  auto const told = nlohmann::json::parse(ended.out)["verification"];
  EXPECT_EQ(told["verdict"], "violated");
  ASSERT_GE(told["violations"].size(), 1U);
  for (auto const& violation : told["violations"]) {
    EXPECT_THAT(GetParam().kinds, testing::Contains(violation["kind"].get<std::string>())) << violation["timeline"];
    EXPECT_TRUE(violation["minimal"].get<bool>());
    EXPECT_LE(violation["operations"].size(), 8U);
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
        wrong_server{
            "undeleted", fault::undeleted, {"returned_after_delete", "wrong_status", "contradiction"}, "key 'load-"}),
    [](auto const& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace holdfast::tests
