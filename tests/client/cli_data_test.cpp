// The commands that read and change keys and values, as their users see them; the server is one that says what the
// contract says.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/client/program.hpp"
#include "tests/client/scripted_server.hpp"

namespace holdfast::tests {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using ending = scripted_answer::ending;

program_result holdfast_at(scripted_server const& server, std::vector<std::string> arguments,
                           std::string standard_input = {}) {
  return run_program(HOLDFAST_PROGRAM, {.arguments = std::move(arguments),
                                        .standard_input = std::move(standard_input),
                                        .environment = {{"HOLDFAST_URL", server.url()}}});
}

std::string json_answer(std::string const& body, std::string const& fields = {}) {
  return sound_answer("200 OK", "Content-Type: application/json\r\n" + fields, body);
}

std::string problem(std::string const& status_line, std::string const& body, std::string const& fields = {}) {
  return sound_answer(status_line, "Content-Type: application/problem+json\r\n" + fields, body);
}

std::string const done = "HTTP/1.1 204 No Content\r\nETag: \"a-8\"\r\nHoldfast-Revision: 8\r\n\r\n";
std::string const stream_head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n";

std::string target_of(scripted_server const& server, std::size_t number = 0) {
  auto const text = server.requests().at(number).text;
  return text.substr(0, text.find(" HTTP/"));
}

// `-` was taken for the JSON text.
TEST(cli_text, is_read_from_standard_input_without_a_value_and_with_a_dash) {
  scripted_server server(done);
  for (std::vector<std::string> const& arguments : {std::vector<std::string>{"put", "a"}, {"put", "a", "-"}}) {
    auto const ended = holdfast_at(server, arguments, "[7]");
    EXPECT_EQ(ended.exit_status, 0) << ended.err;
    EXPECT_THAT(server.requests().back().text, testing::EndsWith("\r\n\r\n[7]"));
  }
}

// --- conditions and time to live ----------------------------------------------------------------------------------

TEST(cli_condition, is_sent_with_the_quotes_that_the_shell_took) {
  scripted_server server(done);
  ASSERT_EQ(holdfast_at(server, {"put", "a", "1", "--if-match", "3f-17"}).exit_status, 0);
  ASSERT_EQ(holdfast_at(server, {"del", "a", "--if-match", "\"3f-17\", 3f-18"}).exit_status, 0);
  ASSERT_EQ(holdfast_at(server, {"put", "a", "1", "--create"}).exit_status, 0);
  ASSERT_EQ(holdfast_at(server, {"del", "a", "--if-match", "*"}).exit_status, 0);
  EXPECT_THAT(server.requests().at(0).text, HasSubstr("\r\nIf-Match: \"3f-17\"\r\n"));
  EXPECT_THAT(server.requests().at(1).text, HasSubstr("\r\nIf-Match: \"3f-17\", \"3f-18\"\r\n"));
  EXPECT_THAT(server.requests().at(2).text, HasSubstr("\r\nIf-None-Match: *\r\n"));
  EXPECT_THAT(server.requests().at(3).text, HasSubstr("\r\nIf-Match: *\r\n"));
}

TEST(cli_condition, that_does_not_hold_exits_8_and_shows_the_present_tag) {
  scripted_server server(
      problem("412 Precondition Failed",
              R"({"title":"A precondition does not hold","status":412,"code":"precondition_failed"})",
              "ETag: \"3f-18\"\r\nHoldfast-Revision: 20\r\n"));
  auto const put = holdfast_at(server, {"put", "a", "1", "--if-match", "3f-17", "-i"});
  EXPECT_EQ(put.exit_status, 8);
  EXPECT_THAT(put.err, AllOf(HasSubstr("A precondition does not hold\n"), HasSubstr("present ETag is \"3f-18\"")));
  EXPECT_THAT(put.out, StartsWith("status:   412 Precondition Failed\nrevision: 20\netag:     \"3f-18\"\n"));
}

TEST(cli_ttl, is_sent_in_units_that_the_server_knows) {
  scripted_server server(done);
  for (auto const* ttl : {"30s", "1.5h", "90d", "keep"})
    ASSERT_EQ(holdfast_at(server, {"put", "a", "1", "--ttl", ttl}).exit_status, 0);
  EXPECT_EQ(target_of(server, 0), "PUT /v1/kv/a?ttl=30s");
  EXPECT_EQ(target_of(server, 1), "PUT /v1/kv/a?ttl=1.5h");
  EXPECT_EQ(target_of(server, 2), "PUT /v1/kv/a?ttl=7776000s");
  EXPECT_EQ(target_of(server, 3), "PUT /v1/kv/a?ttl=keep");
}

TEST(cli_ttl, is_shown) {
  scripted_server server(json_answer("1", "ETag: \"a-8\"\r\nHoldfast-TTL: 29.7\r\n"));
  EXPECT_THAT(holdfast_at(server, {"get", "a", "-i"}).out, HasSubstr("\nttl:      29.700 s\n"));
}

TEST(cli_get, waits_for_a_change_and_exits_8_where_there_is_none) {
  scripted_server server("HTTP/1.1 304 Not Modified\r\nETag: \"a-8\"\r\n\r\n");
  auto const got = holdfast_at(server, {"get", "a", "--wait", "30s", "--if-none-match", "a-8"});
  EXPECT_EQ(got.exit_status, 8);
  EXPECT_EQ(got.out, "");
  EXPECT_THAT(server.requests().at(0).text,
              AllOf(StartsWith("GET /v1/kv/a?wait=30s HTTP"), HasSubstr("\r\nIf-None-Match: \"a-8\"\r\n")));
}

// `touch` had no --idempotency-key.
TEST(cli_writes, carry_an_idempotency_key_and_say_when_the_answer_is_an_old_one) {
  for (auto const& command : std::vector<std::vector<std::string>>{
           {"put", "a", "1"}, {"del", "a"}, {"patch", "a", "{}"}, {"incr", "a"}, {"touch", "a", "--ttl", "1m"}}) {
    scripted_server server("HTTP/1.1 204 No Content\r\nETag: \"a-8\"\r\nIdempotent-Replayed: true\r\n\r\n");
    auto words = command;
    words.insert(words.end(), {"--idempotency-key", "k1", "-i"});
    holdfast_at(server, words);
    EXPECT_THAT(server.requests().at(0).text, HasSubstr("\r\nIdempotency-Key: \"k1\"\r\n")) << command[0];
  }
  scripted_server server(
      "HTTP/1.1 201 Created\r\nETag: \"a-8\"\r\nIdempotent-Replayed: true\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(holdfast_at(server, {"put", "a", "1", "--idempotency-key", "k1", "-i"}).out, HasSubstr("replayed:"));
}

// --- one key ------------------------------------------------------------------------------------------------------

TEST(cli_del, prints_the_removed_value_when_asked_to) {
  scripted_server server(json_answer("1.0", "Preference-Applied: return=representation\r\n"));
  EXPECT_EQ(holdfast_at(server, {"del", "a", "--print"}).out, "1.0");
  EXPECT_THAT(server.requests().at(0).text, HasSubstr("\r\nPrefer: return=representation\r\n"));
}

TEST(cli_del, removes_a_prefix_a_thousand_at_a_time) {
  scripted_server server([](scripted_server::request const& asked) {
    return scripted_answer{.bytes = asked.number == 0
                                        ? json_answer(R"({"deleted":1000,"revision":2000,"next":"tmp/x"})")
                                        : json_answer(R"({"deleted":7,"revision":2007,"next":null})")};
  });
  EXPECT_EQ(holdfast_at(server, {"del", "--prefix", "tmp/"}).out, "1007\n");
  EXPECT_EQ(target_of(server), "DELETE /v1/kv?prefix=tmp/&limit=1000");
  EXPECT_EQ(server.requests().size(), 2U);
  EXPECT_EQ(holdfast_at(server, {"del", "a", "--prefix", "tmp/"}).exit_status, 2);
  EXPECT_EQ(holdfast_at(server, {"del"}).exit_status, 2);
  EXPECT_THAT(holdfast_at(server, {"del", "--prefix", ""}).err, HasSubstr("removes everything"));
}

// Each page was sent with the same key, so the server answered all of them as it had answered the first, without end.
TEST(cli_del, of_a_prefix_gives_each_page_an_idempotency_key_of_its_own) {
  scripted_server server([](scripted_server::request const& asked) {
    return scripted_answer{.bytes = json_answer(asked.number < 2 ? R"({"deleted":1000,"revision":2000,"next":"x"})"
                                                                 : R"({"deleted":7,"revision":2007})")};
  });
  EXPECT_EQ(holdfast_at(server, {"del", "--prefix", "x", "--idempotency-key", "K"}).out, "2007\n");
  EXPECT_EQ(holdfast_at(server, {"del", "--prefix", "x", "--idempotency-key", "\"Q\""}).out, "2007\n");
  ASSERT_EQ(server.requests().size(), 6U);
  std::size_t number = 0;
  for (auto const* key : {"\"K\"", "\"K-2\"", "\"K-3\"", "\"Q\"", "\"Q-2\"", "\"Q-3\""})
    EXPECT_THAT(server.requests().at(number++).text, HasSubstr(std::string("\r\nIdempotency-Key: ") + key + "\r\n"));
}

TEST(cli_patch, takes_an_object_for_a_merge_patch_and_an_array_for_a_json_patch) {
  scripted_server server(done);
  ASSERT_EQ(holdfast_at(server, {"patch", "a", R"({"b":null})"}).exit_status, 0);
  ASSERT_EQ(holdfast_at(server, {"patch", "a"}, " \n[{\"op\":\"remove\",\"path\":\"/b\"}]").exit_status, 0);
  ASSERT_EQ(holdfast_at(server, {"patch", "a", "[1]", "--merge"}).exit_status, 0);
  auto const asked = server.requests();
  EXPECT_THAT(asked.at(0).text, AllOf(StartsWith("PATCH /v1/kv/a HTTP"), EndsWith("\r\n\r\n{\"b\":null}"),
                                      HasSubstr("\r\nContent-Type: application/merge-patch+json\r\n")));
  EXPECT_THAT(asked.at(1).text, HasSubstr("\r\nContent-Type: application/json-patch+json\r\n"));
  EXPECT_THAT(asked.at(2).text, HasSubstr("\r\nContent-Type: application/merge-patch+json\r\n"));
}

TEST(cli_incr, prints_the_new_number) {
  scripted_server server(json_answer("7", "ETag: \"a-9\"\r\n"));
  EXPECT_EQ(holdfast_at(server, {"incr", "n", "-3", "--initial", "10", "--min", "-5", "--ttl", "1m"}).out, "7");
  EXPECT_EQ(target_of(server), "POST /v1/kv/n?increment=-3&initial=10&min=-5&ttl=1m");
  EXPECT_EQ(holdfast_at(server, {"incr", "n"}).out, "7");
  EXPECT_EQ(target_of(server, 1), "POST /v1/kv/n?increment=1");
}

TEST(cli_incr, exits_1_when_it_is_out_of_range) {
  scripted_server server(
      problem("409 Conflict", R"({"title":"Out of range","status":409,"detail":"min is 0","code":"out_of_range"})"));
  auto const ended = holdfast_at(server, {"incr", "n", "-3", "--min", "0"});
  EXPECT_EQ(ended.exit_status, 1);
  EXPECT_EQ(ended.err, "holdfast: Out of range\n  min is 0\n");
}

TEST(cli_touch, sets_when_a_key_expires) {
  scripted_server server(done);
  ASSERT_EQ(holdfast_at(server, {"touch", "a", "--ttl", "15m", "--hold", "1ms"}).exit_status, 0);
  ASSERT_EQ(holdfast_at(server, {"touch", "a", "--ttl", "none"}).exit_status, 0);
  EXPECT_EQ(target_of(server, 0), "POST /v1/kv/a?ttl=15m&hold=1ms");
  EXPECT_EQ(target_of(server, 1), "POST /v1/kv/a?ttl=none");
}

// --- lists --------------------------------------------------------------------------------------------------------

constexpr auto first_page = R"({"revision":912,"entries":[{"key":"u/a","revision":17,"bytes":3,"ttl":29.7,"value":1.0},
  {"key":"u/c","revision":9,"bytes":84,"value":{"x":
"\u00e9"}}],"groups":["u/b/","u/d/"],"next":"u/d/"})";
constexpr auto last_page =
    R"({"revision":913,"entries":[{"key":"u/e","revision":1,"bytes":1}],"groups":[],"next":null})";

scripted_answer two_pages(scripted_server::request const& asked) {
  return {.bytes = json_answer(asked.text.find("after=") == std::string::npos ? first_page : last_page)};
}

TEST(cli_list, prints_keys_and_groups_in_order_page_by_page) {
  scripted_server server(two_pages);
  auto const listed = holdfast_at(server, {"ls", "u/", "--delimiter", "/"});
  EXPECT_EQ(listed.exit_status, 0);
  EXPECT_EQ(listed.out, "u/a\t1.0\nu/b/\nu/c\t{\"x\": \"\\u00e9\"}\nu/d/\nu/e\n");
  EXPECT_EQ(target_of(server, 0), "GET /v1/kv?prefix=u/&limit=1000&delimiter=/");
  EXPECT_EQ(target_of(server, 1), "GET /v1/kv?prefix=u/&after=u/d/&limit=1000&delimiter=/");
}

TEST(cli_list, prints_what_the_server_sent_an_object_a_line) {
  scripted_server server(two_pages);
  auto const listed = holdfast_at(server, {"list", "u/", "--json", "--values"});
  std::istringstream lines(listed.out);
  std::vector<std::string> all;
  for (std::string line; std::getline(lines, line);) all.push_back(line);
  ASSERT_EQ(all.size(), 5U) << listed.out;
  EXPECT_EQ(all[0], R"({"key":"u/a","revision":17,"bytes":3,"ttl":29.7,"value":1.0})");
  EXPECT_EQ(all[1], R"({"group":"u/b/"})");
  EXPECT_EQ(nlohmann::json::parse(all[2])["value"]["x"], "é");
}

TEST(cli_list, ends_after_so_many_lines) {
  scripted_server server(two_pages);
  EXPECT_EQ(holdfast_at(server, {"ls", "u/", "-n", "2"}).out, "u/a\t1.0\nu/b/\n");
  EXPECT_EQ(target_of(server), "GET /v1/kv?prefix=u/&limit=2");
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(cli_list, shows_revision_size_and_time_to_live_when_asked_to) {
  scripted_server server(json_answer(last_page));
  EXPECT_EQ(holdfast_at(server, {"ls", "--long", "--reverse"}).out, "           1           1  -          u/e\n");
  EXPECT_EQ(target_of(server), "GET /v1/kv?prefix=&limit=1000&reverse=true");
}

// --- transactions -------------------------------------------------------------------------------------------------

TEST(cli_txn, sends_a_file_and_prints_the_results) {
  auto const path = testing::TempDir() + "holdfast_cli_txn.json";
  std::ofstream(path) << R"({"operations":[{"get":"a"}]})";
  scripted_server server(json_answer(R"({"revision":915,"results":[{"value":1.0}]})"));
  auto const ended = holdfast_at(server, {"txn", path, "--lock-timeout", "1s"});
  EXPECT_EQ(ended.exit_status, 0);
  EXPECT_EQ(ended.out, "{\"revision\":915,\"results\":[{\"value\":1.0}]}\n");
  EXPECT_THAT(server.requests().at(0).text, AllOf(StartsWith("POST /v1/txn?lock-timeout=1s HTTP"),
                                                  EndsWith("\r\n\r\n{\"operations\":[{\"get\":\"a\"}]}"),
                                                  HasSubstr("\r\nContent-Type: application/json\r\n")));
  std::remove(path.c_str());
}

TEST(cli_txn, says_which_checks_failed) {
  scripted_server server(
      problem("412 Precondition Failed",
              R"({"title":"A check failed","status":412,"code":"check_failed","failed":[{"key":"b"}]})"));
  auto const ended = holdfast_at(server, {"txn"}, "{}");
  EXPECT_EQ(ended.exit_status, 8);
  EXPECT_EQ(ended.err, "holdfast: A check failed\n  failed: [{\"key\":\"b\"}]\n");
}

// --- watch --------------------------------------------------------------------------------------------------------

std::string put_line(int revision) {
  return R"({"event":"put","id":"3f-)" + std::to_string(revision) + R"(","key":"u/a","revision":)" +
         std::to_string(revision) + R"(,"previous":null,"value":1.0})" + "\n";
}

TEST(cli_watch, prints_changes_and_goes_on_when_the_connection_breaks) {
  scripted_server server([](scripted_server::request const& asked) -> scripted_answer {
    if (asked.connection == 0) return {stream_head + put_line(5), ending::close};
    return {stream_head + put_line(6) + "{\"event\":\"expire\",\"id\":\"3f-7\",\"key\":\"u/a\",\"revision\":7}\n",
            ending::stall};
  });
  auto const watched = holdfast_at(server, {"watch", "u/", "-n", "3"});
  EXPECT_EQ(watched.exit_status, 0) << watched.err;
  EXPECT_EQ(watched.out, "put     u/a  5  1.0\nput     u/a  6  1.0\nexpire  u/a  7\n");
  EXPECT_EQ(target_of(server, 0), "GET /v1/watch?prefix=u/&format=ndjson");
  EXPECT_THAT(server.requests().at(1).text, HasSubstr("\r\nLast-Event-ID: 3f-5\r\n"));
  EXPECT_THAT(watched.err, HasSubstr("the server ended the stream; trying again"));
}

TEST(cli_watch, prints_lines_for_programs_with_what_is_lost) {
  std::string const lost = "{\"event\":\"lost\",\"id\":\"3f-90\"}\n";
  scripted_server server(stream_head + put_line(5) + lost + put_line(91), ending::stall);
  EXPECT_EQ(holdfast_at(server, {"watch", "--key", "u/a", "--json", "-n", "2"}).out, put_line(5) + lost + put_line(91));
  EXPECT_EQ(target_of(server), "GET /v1/watch?key=u/a&format=ndjson");
}

TEST(cli_watch, ends_at_a_line_that_it_cannot_read) {
  scripted_server server(stream_head + put_line(5) + "{\"event\":\"put\",\"key\":\n" + put_line(6), ending::stall);
  auto const watched = holdfast_at(server, {"watch", "-n", "2"});
  EXPECT_EQ(watched.out, "put     u/a  5  1.0\n");
  EXPECT_NE(watched.exit_status, 0);
  EXPECT_THAT(watched.err, HasSubstr("can't be read"));
}

// A value of 512 levels is valid, and what the server puts around it makes it no worse.
TEST(cli_deep_values, are_shown_by_all_commands) {
  auto const deep = std::string(512, '[') + std::string(512, ']');
  scripted_server list(
      json_answer(R"({"revision":1,"entries":[{"key":"d","revision":1,"bytes":1024,"value":)" + deep + "}]}"));
  EXPECT_EQ(holdfast_at(list, {"ls", "--values"}).out, "d\t" + deep + "\n");
  auto const results = R"({"revision":1,"results":[{"entries":[{"key":"d","value":)" + deep + "}]}]}";
  scripted_server transaction{json_answer(results)};
  EXPECT_EQ(holdfast_at(transaction, {"txn"}, R"({"operations":[{"list":"d","values":true}]})").out, results + "\n");
  auto const change = R"({"event":"put","id":"3f-5","key":"d","revision":5,"value":)" + deep + "}\n";
  scripted_server watch(stream_head + change, ending::stall);
  EXPECT_EQ(holdfast_at(watch, {"watch", "--json", "-n", "1"}).out, change);
}

TEST(cli_watch, says_where_to_go_on) {
  scripted_server server(stream_head + put_line(5), ending::stall);
  auto const watched = holdfast_at(server, {"watch", "-d", "100ms"});
  EXPECT_EQ(watched.exit_status, 0);
  EXPECT_THAT(watched.err, HasSubstr("--after 3f-5 goes on from here"));
  ASSERT_EQ(holdfast_at(server, {"watch", "--after", "3f-4", "-n", "1"}).exit_status, 0);
  EXPECT_THAT(server.requests().at(1).text, HasSubstr("\r\nLast-Event-ID: 3f-4\r\n"));
}

TEST(cli_watch, ends_when_its_reader_has_left) {
  scripted_server server(stream_head + put_line(5), ending::stall);
  program watch(HOLDFAST_PROGRAM,
                {.arguments = {"watch"}, .standard_input = {}, .environment = {{"HOLDFAST_URL", server.url()}}});
  ASSERT_TRUE(watch.wait_for_out("u/a"));
  watch.close_out();
  EXPECT_EQ(watch.wait().exit_status, 141);
}

TEST(cli_watch, says_that_history_is_gone) {
  scripted_server server(problem("410 Gone", R"({"title":"Too old","status":410,"code":"history_compacted"})"),
                         ending::close);
  auto const watched = holdfast_at(server, {"watch", "--from", "1"});
  EXPECT_EQ(watched.exit_status, 1);
  EXPECT_THAT(watched.err, HasSubstr("Too old"));
  EXPECT_EQ(target_of(server), "GET /v1/watch?prefix=&format=ndjson&from=1");
}

// --- export and import --------------------------------------------------------------------------------------------

std::string const entry = "{\"key\":\"a\",\"value\":1.0,\"revision\":1}\n";
std::string const end_line = "{\"end\":true,\"revision\":1,\"entries\":1,\"crc32c\":\"7fdf1e4c\"}\n";

TEST(cli_export, prints_the_lines) {
  scripted_server server(stream_head + entry + end_line, ending::close);
  auto const exported = holdfast_at(server, {"export", "a"});
  EXPECT_EQ(exported.exit_status, 0) << exported.err;
  EXPECT_EQ(exported.out, entry + end_line);
  EXPECT_EQ(target_of(server), "GET /v1/export?prefix=a");
}

TEST(cli_export, is_no_success_when_it_is_cut_or_altered) {
  scripted_server cut(stream_head + entry, ending::close);
  EXPECT_EQ(holdfast_at(cut, {"export"}).exit_status, 3);
  scripted_server altered(stream_head + entry + entry + end_line, ending::close);
  auto const exported = holdfast_at(altered, {"export"});
  EXPECT_EQ(exported.exit_status, 3);
  EXPECT_THAT(exported.err, HasSubstr("checksum"));
}

TEST(cli_export, says_why_the_server_broke_it_off) {
  scripted_server server(stream_head + entry +
                             R"({"error":{"title":"History is gone","status":410,"detail":"read faster","code":"x"}})" +
                             "\n",
                         ending::close);
  auto const exported = holdfast_at(server, {"export"});
  EXPECT_EQ(exported.exit_status, 1);
  EXPECT_EQ(exported.err, "holdfast: History is gone\n  read faster\n");
}

TEST(cli_import, sends_its_input_in_chunks_and_prints_the_counts) {
  scripted_server server(json_answer(R"({"revision":9,"stored":1})"));
  auto const imported = holdfast_at(server, {"import", "--if-exists", "skip"}, entry);
  EXPECT_EQ(imported.exit_status, 0) << imported.err;
  EXPECT_EQ(imported.out, "{\"revision\":9,\"stored\":1}\n");
  EXPECT_THAT(server.requests().at(0).text,
              AllOf(StartsWith("POST /v1/import?if-exists=skip HTTP"), HasSubstr("\r\nTransfer-Encoding: chunked\r\n"),
                    EndsWith("\r\n\r\n25\r\n" + entry + "\r\n0\r\n\r\n")));
}

TEST(cli_import, says_which_line_was_refused) {
  scripted_server server(
      problem("400 Bad Request",
              R"({"title":"Not a line of an export","status":400,"detail":"line 2","code":"x","stored":1})"));
  auto const imported = holdfast_at(server, {"import"}, entry + "x\n");
  EXPECT_EQ(imported.exit_status, 1);
  EXPECT_THAT(imported.err, AllOf(HasSubstr("\n  line 2\n"), HasSubstr("\n  stored: 1\n")));
  EXPECT_EQ(holdfast_at(server, {"import", "/no/such/file"}).exit_status, 2);
}

// --- standard output ----------------------------------------------------------------------------------------------

/// A pipe of which a test has both ends; the other program gets the second, too.
class shared_pipe {
 public:
  shared_pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  }
  ~shared_pipe() {
    for (auto const one : ends_) ::close(one);
  }
  shared_pipe(shared_pipe const&) = delete;
  shared_pipe& operator=(shared_pipe const&) = delete;

  [[nodiscard]] int in() const { return ends_[1]; }
  [[nodiscard]] bool is_full() const { return !is_ready(ends_[1], POLLOUT); }
  [[nodiscard]] bool is_empty() const { return !is_ready(ends_[0], POLLIN); }
  [[nodiscard]] std::string read_some() const {
    std::array<char, 4096> bytes;
    auto const count = ::read(ends_[0], bytes.data(), bytes.size());
    return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }

 private:
  static bool is_ready(int descriptor, short what) {
    pollfd one{descriptor, what, 0};
    return ::poll(&one, 1, 0) == 1;
  }

  std::array<int, 2> ends_{};
};

/// Waits until the program has to wait for its reader, or has ended.
void wait_until_full(shared_pipe const& pipe, program const& writer) {
  while (!pipe.is_full() && !writer.has_ended()) std::this_thread::yield();
}

program_input writing_to(shared_pipe const& pipe, scripted_server const& server, std::vector<std::string> arguments) {
  program_input input{.arguments = std::move(arguments), .standard_input = {}, .environment = {}};
  input.environment["HOLDFAST_URL"] = server.url();
  input.out = pipe.in();
  return input;
}

std::string long_key(int number) {
  return std::to_string(number) + std::string(300, 'k');
}

/// The answer to `ls` with 1,000 such keys.
std::string long_list() {
  std::string entries;
  for (int i = 0; i < 1000; ++i)
    (entries += i == 0 ? "" : ",") += R"({"key":")" + long_key(i) + R"(","revision":1,"bytes":1})";
  return json_answer(R"({"revision":1,"entries":[)" + entries + "]}");
}

// They failed with "Resource temporarily unavailable" once the pipe was full, and left it non-blocking for the others.
TEST(cli_output, waits_for_a_slow_reader_and_leaves_the_pipe_as_it_was) {
  std::string changes, keys;
  for (int i = 1; i <= 5000; ++i) changes += put_line(i);
  for (int i = 0; i < 1000; ++i) keys += long_key(i) + '\n';
  struct {
    std::vector<std::string> arguments;
    std::string answer, out;
  } const cases[] = {{{"watch", "--json", "-n", "5000"}, stream_head + changes, changes}, {{"ls"}, long_list(), keys}};
  for (auto const& one : cases) {
    scripted_server server(one.answer, ending::stall);
    shared_pipe pipe;
    program writer(HOLDFAST_PROGRAM, writing_to(pipe, server, one.arguments));
    std::string out;
    for (;;) {
      wait_until_full(pipe, writer);
      if (pipe.is_empty()) break;
      out += pipe.read_some();
    }
    auto const ended = writer.wait();
    EXPECT_EQ(ended.exit_status, 0) << ended.err;
    EXPECT_EQ(out.size(), one.out.size());
    EXPECT_TRUE(out == one.out) << one.arguments[0];
    EXPECT_EQ(::fcntl(pipe.in(), F_GETFL) & O_NONBLOCK, 0) << one.arguments[0];
  }
}

// With stdin closed as well, it polled one of Asio's descriptors, and for ever.
TEST(cli_output, is_an_error_where_standard_output_is_closed) {
  for (std::string const closed : {">&-", "<&- >&-"}) {
    scripted_server server(long_list());
    program_input input;
    input.arguments = {"-c", "exec \"$0\" \"$@\" " + closed, HOLDFAST_PROGRAM, "--server", server.url(), "ls"};
    auto const ended = run_program("/bin/sh", input);
    EXPECT_EQ(ended.exit_status, 1);
    EXPECT_EQ(ended.err, "holdfast: can't write to standard output: Bad file descriptor\n");
  }
}

TEST(cli_output, ends_at_a_signal_though_its_reader_has_stopped_reading) {
  scripted_server server(long_list());
  shared_pipe pipe;
  program writer(HOLDFAST_PROGRAM, writing_to(pipe, server, {"ls"}));
  wait_until_full(pipe, writer);
  while (!writer.has_ended()) {
    writer.send_signal(SIGTERM);
    std::this_thread::yield();
  }
  auto const ended = writer.wait();
  EXPECT_EQ(ended.exit_status, 128 + SIGTERM);
  EXPECT_EQ(ended.err, "");
}

// --- refusals of streams ------------------------------------------------------------------------------------------

// They waited for the end of the connection, which a proxy keeps open.
TEST(cli_streams, show_a_refusal_whose_connection_stays_open) {
  std::string const fields = "Content-Type: text/plain\r\n";
  scripted_server proxy(sound_answer("503 Service Unavailable", fields, "no healthy upstream"), ending::stall);
  scripted_server endless("HTTP/1.1 503 Service Unavailable\r\n" + fields + "\r\n" + std::string(100'000, 'x'),
                          ending::stall);
  for (auto const* server : {&proxy, &endless}) {
    for (auto const& command : std::vector<std::vector<std::string>>{{"export"}, {"watch"}, {"lock", "events"}}) {
      auto words = command;
      words.insert(words.end(), {"--timeout", "1h"});
      auto const ended = holdfast_at(*server, words);
      EXPECT_EQ(ended.exit_status, 1) << command[0];
      EXPECT_THAT(ended.err, HasSubstr("503")) << command[0];
    }
  }
}

}  // namespace
}  // namespace holdfast::tests
