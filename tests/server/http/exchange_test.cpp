// The state machine of a connection's requests: its results for given bytes, without a connection.
#include "server/http/exchange.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <cctype>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "server/http/client_link.hpp"
#include "server/http/known_fields.hpp"
#include "server/net/connection.hpp"

namespace holdfast::server {
namespace {

using namespace std::literals;
using protocol::errc;
using step = exchange::step;
using clock = exchange::clock;
using testing::ElementsAre;
using testing::HasSubstr;

/// A handler with a given behaviour, which records its requests.
struct script {
  std::function<request_need(request_head const&, reply&)> begin = [](request_head const& head, reply& answer) {
    answer.content_type = "text/plain";
    answer.body = head.target;
    return head.has_body ? request_need::body : request_need::nothing;
  };
  std::function<request_need(std::string const&, reply&)> finish = [](std::string const& body, reply& answer) {
    answer.body = body;
    return request_need::nothing;
  };
  std::size_t body_bytes_max = std::size_t(-1);
  request_end run_end = request_end::answered;

  struct answered {
    server::method method;
    unsigned status;
    clock::time_point begun_at;
    std::uint64_t body_bytes, content_bytes;
  };
  std::vector<std::string> requests;
  std::vector<std::string> bodies;
  int runs = 0;
  std::vector<answered> counted;
};

class scripted_handler final : public request_handler {
 public:
  explicit scripted_handler(script& its_script) : script_(its_script) {}

  request_need begin(request_head const& head, peer_address const&, reply& answer) override {
    script_.requests.push_back(std::string(head.method_text) + ' ' + std::string(head.target));
    return script_.begin(head, answer);
  }
  [[nodiscard]] std::size_t body_bytes_max() const override { return script_.body_bytes_max; }
  request_need finish(std::string&& body, reply& answer) override {
    script_.bodies.push_back(std::move(body));
    return script_.finish(script_.bodies.back(), answer);
  }
  awaitable<request_end> run(client_link&, reply& answer) override {
    ++script_.runs;
    answer.body = "awaited";
    co_return script_.run_end;
  }
  void count(answered_request const& done) override {
    script_.counted.push_back({done.method, done.status, done.begun_at, done.body_bytes, done.content_bytes});
  }

 private:
  script& script_;
};

/// A parsed answer.
struct answer {
  unsigned status = 0;
  std::map<std::string, std::string> fields;
  std::string content;

  [[nodiscard]] std::string field(std::string const& name) const {
    auto const found = fields.find(name);
    return found != fields.end() ? found->second : "none";
  }
};

bool is_status_line(std::string_view text) {
  return text.starts_with("HTTP/1.1 ") && text.size() > 9 && std::isdigit(static_cast<unsigned char>(text[9])) != 0;
}

answer take_apart(std::string_view text) {
  answer one;
  EXPECT_TRUE(is_status_line(text)) << text;
  if (!is_status_line(text)) return one;
  one.status = static_cast<unsigned>(std::stoul(std::string(text.substr(9, 3))));
  auto const end = text.find("\r\n\r\n");
  EXPECT_NE(end, std::string_view::npos) << text;
  one.content = text.substr(end + 4);
  for (auto at = text.find("\r\n") + 2; at < end;) {
    auto const line_end = text.find("\r\n", at), colon = text.find(": ", at);
    one.fields.emplace(text.substr(at, colon - at), text.substr(colon + 2, line_end - colon - 2));
    at = line_end + 2;
  }
  return one;
}

std::string get(std::string_view target, std::string_view fields = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

std::string put_head(std::string_view target, std::size_t length, std::string_view fields = {}) {
  return "PUT " + std::string(target) + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n" +
         std::string(fields) + "\r\n";
}

std::string put(std::string_view target, std::string_view body) {
  return put_head(target, body.size()) + std::string(body);
}

std::string put_chunked(std::string_view target, std::string_view chunks) {
  return "PUT " + std::string(target) + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
         std::string(chunks);
}

/// An exchange, and the buffers that a session would have for it.
struct exchange_test : testing::Test {
  exchange_test() { renew(); }

  /// As with another connection.
  void renew() {
    input.clear();
    output.consume(output.size());
    requests = std::make_unique<exchange>(std::make_unique<scripted_handler>(handler), settings, fields, under_way,
                                          draining, gate);
  }

  /// Serves one request, or the part of it that is there.
  step serve() {
    std::string_view rest = input;
    auto const said = requests->serve(rest, output, client, now);
    input.erase(0, input.size() - rest.size());
    return said;
  }

  step serve(std::string_view text) {
    input += text;
    return serve();
  }

  /// Serves complete requests until something is needed.
  step serve_all(std::string_view text) {
    auto said = serve(text);
    while (said == step::answered && !input.empty()) said = serve();
    return said;
  }

  /// The answers since the last call. None of the contents may look like a status line.
  std::vector<answer> answers() {
    std::vector<answer> all;
    auto text = output.view();
    while (!text.empty()) {
      std::size_t end = 1;
      while (end < text.size() && !is_status_line(text.substr(end))) ++end;
      all.push_back(take_apart(text.substr(0, end)));
      text.remove_prefix(end);
    }
    output.consume(output.size());
    return all;
  }

  answer only_answer() {
    auto const all = answers();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? answer() : all.front();
  }

  std::vector<std::string> contents() {
    std::vector<std::string> all;
    for (auto const& one : answers()) all.push_back(one.content);
    return all;
  }

  /// The only answer is a problem of this kind, and the connection ends after it.
  void expect_refused(step said, errc code, std::string_view detail = {}) {
    EXPECT_EQ(said, step::end);
    auto const refused = only_answer();
    auto const traits = protocol::traits_of(code);
    EXPECT_EQ(refused.status, traits.status);
    EXPECT_EQ(refused.field("Connection"), "close");
    EXPECT_EQ(refused.field("Content-Type"), "application/problem+json");
    EXPECT_EQ(refused.field("Content-Length"), std::to_string(refused.content.size()));
    EXPECT_THAT(refused.content, HasSubstr(traits.code));
    EXPECT_THAT(refused.content, HasSubstr(std::string(detail)));
    ASSERT_FALSE(handler.counted.empty());
    EXPECT_EQ(handler.counted.back().status, traits.status);
  }

  /// Runs what the handler awaits. @return true if the client is still connected.
  bool run() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    struct nobody final : connection::owner {
      void on_bytes() override {}
      void on_idle_timeout() override {}
      void on_unsent(std::string_view) override {}
      void on_resume() override {}
    } owner;
    unique_socket const peer(ends[1]);
    connection its_connection(unique_socket{ends[0]}, owner, loop, 10s);
    client_link link(its_connection, requests->framing(), draining, gate, settings.header_bytes_max);
    std::optional<bool> is_there;
    asio::co_spawn(loop.get_executor(), requests->run(link),
                   [&](std::exception_ptr const&, bool still) { is_there = still; });
    loop.poll();
    EXPECT_TRUE(is_there);
    return is_there.value_or(false);
  }

  script handler;
  session_settings settings{.header_bytes_max = 1024, .body_bytes_max = 100'000};
  known_fields fields;
  byte_budget under_way{1'000'000};
  std::atomic<bool> draining{false};
  event_loop loop;
  durable_progress progress;
  answer_gate gate{loop, progress};
  peer_address client;
  clock::time_point now{1h};
  std::unique_ptr<exchange> requests;
  std::string input;
  byte_buffer output;
};

// --- requests, however they arrive ---------------------------------------------------------------------------------

TEST_F(exchange_test, answers_a_request_that_came_whole) {
  EXPECT_EQ(serve(get("/a")), step::answered);
  EXPECT_EQ(input, "");
  auto const got = only_answer();
  EXPECT_EQ(got.status, 200U);
  EXPECT_EQ(got.field("Content-Length"), "2");
  EXPECT_EQ(got.field("Connection"), "none");
  EXPECT_EQ(got.content, "/a");
  EXPECT_TRUE(requests->is_between_requests());
}

TEST_F(exchange_test, answers_a_request_in_two_pieces_wherever_it_is_cut) {
  for (auto const& [whole, content] :
       {std::pair(get("/a"), "/a"s), std::pair(put("/b", "body"), "body"s),
        std::pair(put_chunked("/c", "2;x=y\r\nbo\r\n2\r\ndy\r\n0\r\nT: v\r\n\r\n"), "body"s)}) {
    // Twice: the second time, the fields are known from the first.
    for (int round = 0; round < 2; ++round) {
      for (std::size_t cut = 1; cut < whole.size(); ++cut) {
        renew();
        EXPECT_EQ(serve(std::string_view(whole).substr(0, cut)), step::more_bytes) << cut;
        EXPECT_EQ(output.view(), "") << cut;
        EXPECT_EQ(serve(std::string_view(whole).substr(cut)), step::answered) << cut;
        EXPECT_EQ(input, "") << cut;
        EXPECT_THAT(contents(), ElementsAre(content)) << cut;
        EXPECT_TRUE(requests->is_between_requests()) << cut;
      }
    }
  }
}

TEST_F(exchange_test, answers_a_request_byte_by_byte) {
  for (int round = 0; round < 2; ++round) {
    for (auto const c : put_chunked("/c", "4\r\nbody\r\n0\r\n\r\n")) (void)serve({&c, 1});
    EXPECT_THAT(contents(), ElementsAre("body"));
  }
}

TEST_F(exchange_test, answers_a_pipeline_in_order_one_request_a_call) {
  EXPECT_EQ(serve(get("/a") + put("/b", "body") + get("/c")), step::answered);
  EXPECT_THAT(contents(), ElementsAre("/a"));
  EXPECT_EQ(serve(), step::answered);
  EXPECT_THAT(contents(), ElementsAre("body"));
  EXPECT_EQ(serve(), step::answered);
  EXPECT_THAT(contents(), ElementsAre("/c"));
  EXPECT_THAT(handler.requests, ElementsAre("GET /a", "PUT /b", "GET /c"));
}

TEST_F(exchange_test, answers_a_pipeline_wherever_it_is_cut) {
  auto const whole = get("/a", "X: 1\r\n") + put("/b", "body") + put_chunked("/c", "2\r\nhi\r\n0\r\n\r\n") + get("/d");
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    renew();
    (void)serve_all(std::string_view(whole).substr(0, cut));
    EXPECT_EQ(serve_all(std::string_view(whole).substr(cut)), step::answered) << cut;
    EXPECT_THAT(contents(), ElementsAre("/a", "body", "hi", "/d")) << cut;
  }
}

TEST_F(exchange_test, passes_over_empty_lines_before_a_request) {
  EXPECT_EQ(serve("\r\n"), step::more_bytes);
  EXPECT_EQ(input, "") << "so that the connection counts as idle";
  EXPECT_TRUE(requests->is_between_requests());
  EXPECT_EQ(serve("\r\n\r\n" + get("/a")), step::answered);
  EXPECT_THAT(contents(), ElementsAre("/a"));
}

TEST_F(exchange_test, tells_head_and_body_apart) {
  EXPECT_EQ(serve("PUT /a"), step::more_bytes);
  EXPECT_TRUE(requests->is_between_requests());
  EXPECT_FALSE(requests->is_in_body());
  EXPECT_EQ(serve(put_head("/a", 10).substr(6) + "abc"), step::more_bytes);
  EXPECT_FALSE(requests->is_between_requests());
  EXPECT_TRUE(requests->is_in_body());
  EXPECT_EQ(requests->body_bytes(), 3U);
  EXPECT_EQ(serve("defg"), step::more_bytes);
  EXPECT_EQ(requests->body_bytes(), 7U);
}

TEST_F(exchange_test, a_body_of_no_bytes_is_whole_at_once) {
  handler.begin = [](request_head const&, reply&) { return request_need::body; };
  EXPECT_EQ(serve(put("/a", "")), step::answered);
  EXPECT_EQ(serve(get("/b")), step::answered);
  EXPECT_THAT(handler.bodies, ElementsAre("", ""));
}

// --- the same question, the same answer ----------------------------------------------------------------------------

TEST_F(exchange_test, says_again_that_it_needs_more_bytes) {
  for (auto const& part : {""s, "GET /a HT"s, put_head("/a", 4), put_head("/a", 4, "Expect: 100-continue\r\n"),
                           put_chunked("/a", "3\r\na")}) {
    renew();
    EXPECT_EQ(serve(part), step::more_bytes) << part;
    auto const before = std::string(output.view());
    EXPECT_EQ(serve(), step::more_bytes) << part;
    EXPECT_EQ(output.view(), before) << part;
  }
}

TEST_F(exchange_test, says_again_that_it_needs_time) {
  handler.begin = [](request_head const&, reply&) { return request_need::time; };
  EXPECT_EQ(serve(get("/a") + get("/b")), step::time);
  auto const before = input;
  EXPECT_EQ(serve(), step::time);
  EXPECT_EQ(input, before);
  EXPECT_EQ(output.view(), "");
  EXPECT_EQ(handler.requests.size(), 1U);
}

TEST_F(exchange_test, says_again_that_it_needs_room) {
  handler.begin = [](request_head const&, reply& answer) {
    answer.body.assign(copied_bytes_max + 1, 'x');
    return request_need::nothing;
  };
  EXPECT_EQ(serve(get("/a") + get("/b")), step::room);
  auto const before = std::string(output.view());
  EXPECT_EQ(serve(), step::room);
  EXPECT_EQ(output.view(), before);
  EXPECT_EQ(requests->tail().size(), copied_bytes_max + 1);
  EXPECT_EQ(handler.requests.size(), 1U);
  EXPECT_TRUE(handler.counted.empty());
}

TEST_F(exchange_test, says_again_that_it_is_at_its_end) {
  EXPECT_EQ(serve(get("/a", "Connection: close\r\n") + get("/b")), step::end);
  EXPECT_EQ(only_answer().field("Connection"), "close");
  EXPECT_EQ(serve(), step::end);
  EXPECT_EQ(serve(get("/c")), step::end);
  EXPECT_EQ(output.view(), "");
  EXPECT_THAT(handler.requests, ElementsAre("GET /a"));
  EXPECT_EQ(handler.counted.size(), 1U);
}

// --- 100 Continue --------------------------------------------------------------------------------------------------

constexpr auto expects = "Expect: 100-continue\r\n"sv;

TEST_F(exchange_test, says_100_once_to_who_waits_for_it) {
  EXPECT_EQ(serve(put_head("/a", 4, expects)), step::more_bytes);
  EXPECT_EQ(output.view(), "HTTP/1.1 100 Continue\r\n\r\n");
  output.consume(output.size());
  EXPECT_EQ(serve("bo"), step::more_bytes);
  EXPECT_EQ(serve("dy"), step::answered);
  EXPECT_THAT(contents(), ElementsAre("body"));
}

TEST_F(exchange_test, says_no_100_to_who_has_begun_with_the_body) {
  EXPECT_EQ(serve(put_head("/a", 4, expects) + "b"), step::more_bytes);
  EXPECT_EQ(output.view(), "");
  EXPECT_EQ(serve(), step::more_bytes);
  EXPECT_EQ(serve("ody"), step::answered);
  EXPECT_THAT(contents(), ElementsAre("body"));
}

TEST_F(exchange_test, says_no_100_to_who_has_not_asked) {
  EXPECT_EQ(serve(put_head("/a", 4, expects) + "body"), step::answered);
  EXPECT_THAT(contents(), ElementsAre("body"));
  EXPECT_EQ(serve(put_head("/a", 4)), step::more_bytes) << "nor because the one before has";
  EXPECT_EQ(output.view(), "");
}

TEST_F(exchange_test, says_no_100_where_the_body_is_refused) {
  handler.body_bytes_max = 3;
  auto const said = serve(put_head("/a", 4, expects));
  expect_refused(said, errc::body_too_large);
}

TEST_F(exchange_test, says_no_100_where_the_answer_is_there_without_the_body) {
  handler.begin = [](request_head const&, reply&) { return request_need::nothing; };
  EXPECT_EQ(serve(put_head("/a", 4, expects)), step::end);
  EXPECT_EQ(only_answer().status, 200U);
}

// --- bodies that nobody reads --------------------------------------------------------------------------------------

TEST_F(exchange_test, ends_where_a_body_was_not_read) {
  handler.begin = [](request_head const&, reply&) { return request_need::nothing; };
  for (auto const& one : {put("/a", get("/smuggled")), put_chunked("/a", "0\r\n\r\n")}) {
    renew();
    EXPECT_EQ(serve(one), step::end);
    EXPECT_EQ(only_answer().field("Connection"), "close");
    EXPECT_EQ(serve(), step::end);
  }
  EXPECT_THAT(handler.requests, ElementsAre("PUT /a", "PUT /a"));
}

TEST_F(exchange_test, ends_where_a_body_was_not_read_and_something_was_awaited) {
  handler.begin = [](request_head const&, reply&) { return request_need::time; };
  EXPECT_EQ(serve(put("/a", get("/smuggled"))), step::time);
  EXPECT_TRUE(run());
  EXPECT_EQ(serve(), step::end);
  EXPECT_THAT(contents(), ElementsAre("awaited"));
}

TEST_F(exchange_test, goes_on_where_there_was_no_body_to_read) {
  handler.begin = [](request_head const&, reply&) { return request_need::nothing; };
  EXPECT_EQ(serve(put("/a", "")), step::answered);
  EXPECT_EQ(only_answer().field("Connection"), "none");
}

// --- refusals ------------------------------------------------------------------------------------------------------

TEST_F(exchange_test, refuses_a_bad_head_and_ends) {
  for (auto const* bad :
       {"GET /a HTTP/1.1\n", "GET /a HTTP/1.1\r\n\r\n", "GET /a HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"}) {
    renew();
    auto const said = serve(bad);
    expect_refused(said, errc::bad_request);
    EXPECT_EQ(handler.counted.back().method, method::unknown);
  }
  EXPECT_TRUE(handler.requests.empty());
}

TEST_F(exchange_test, refuses_a_header_that_is_too_large) {
  auto said = serve(get("/a", "X: " + std::string(settings.header_bytes_max, 'x') + "\r\n"));
  expect_refused(said, errc::header_too_large);
  renew();
  said = serve(get("/" + std::string(settings.header_bytes_max, 'a')));
  expect_refused(said, errc::uri_too_long);
}

TEST_F(exchange_test, refuses_a_header_that_is_too_large_also_where_its_fields_are_known) {
  auto const large = "X: " + std::string(settings.header_bytes_max / 2, 'x') + "\r\n";
  EXPECT_EQ(serve(get("/a", large)), step::answered);
  (void)answers();
  auto const said = serve(get("/" + std::string(settings.header_bytes_max / 2, 'a'), large));
  expect_refused(said, errc::header_too_large);
}

TEST_F(exchange_test, refuses_a_body_beyond_the_handlers_limit) {
  handler.body_bytes_max = 10;
  EXPECT_EQ(serve(put("/a", std::string(10, 'x'))), step::answered);
  (void)answers();
  for (auto const& one : {put_head("/a", 11), put("/a", std::string(11, 'x')), put_chunked("/a", "b\r\n12345678901"),
                          put_chunked("/a", "6\r\n123456\r\n5\r\n12345")}) {
    renew();
    auto const said = serve(one);
    expect_refused(said, errc::body_too_large, "limited to 10 bytes");
    EXPECT_EQ(handler.counted.back().method, method::put);
  }
  EXPECT_EQ(handler.bodies.size(), 1U);
}

TEST_F(exchange_test, refuses_a_body_beyond_the_limit_of_the_settings) {
  for (auto const& one : {put_head("/a", 100'001), put_chunked("/a", "186a1\r\n")}) {
    renew();
    auto const said = serve(one);
    expect_refused(said, errc::body_too_large, "limited to 100000 bytes");
  }
}

TEST_F(exchange_test, refuses_a_body_whose_framing_is_broken) {
  EXPECT_EQ(serve(put_chunked("/a", "3\r\nabc")), step::more_bytes);
  auto const said = serve("d\r\n0\r\n\r\n");
  expect_refused(said, errc::bad_request, "chunk");
  EXPECT_TRUE(handler.bodies.empty());
}

TEST_F(exchange_test, says_close_to_a_client_of_the_old_version_too_when_it_refuses) {
  auto const said = serve("GET /a HTTP/1.0\r\nno colon\r\n\r\n");
  expect_refused(said, errc::bad_request);
}

// --- the budget of bodies under way --------------------------------------------------------------------------------

TEST_F(exchange_test, counts_a_body_until_it_has_been_answered) {
  EXPECT_EQ(serve(put_head("/a", 50'000) + std::string(20'000, 'x')), step::more_bytes);
  EXPECT_GE(under_way.used(), 20'000U);
  EXPECT_EQ(serve(std::string(20'000, 'x')), step::more_bytes);
  EXPECT_GE(under_way.used(), 40'000U);
  EXPECT_EQ(serve(std::string(10'000, 'x')), step::room);
  EXPECT_GE(under_way.used(), 40'000U);
  requests->sent();
  EXPECT_EQ(serve(), step::answered);
  EXPECT_EQ(under_way.used(), 0U);
}

TEST_F(exchange_test, counts_the_memory_of_a_body_and_not_its_bytes) {
  settings.body_bytes_max = 800'000;
  renew();
  EXPECT_EQ(serve(put_head("/a", 800'000) + std::string(40'000, 'x')), step::more_bytes);
  EXPECT_GE(under_way.used(), 800'000U) << "so much of it has come that there is room for all";
}

TEST_F(exchange_test, refuses_a_body_for_which_there_is_no_memory_left) {
  ASSERT_TRUE(under_way.take(under_way.bytes_max() - 1000));
  EXPECT_EQ(serve(put_head("/a", 50'000) + std::string(500, 'x')), step::more_bytes);
  auto const said = serve(std::string(20'000, 'x'));
  expect_refused(said, errc::overloaded, "Retry");
  EXPECT_EQ(under_way.used(), under_way.bytes_max() - 1000) << "what it had is given back";
  EXPECT_TRUE(handler.bodies.empty());
}

TEST_F(exchange_test, a_body_that_came_whole_and_is_answered_at_once_counts_for_nothing) {
  ASSERT_TRUE(under_way.take(under_way.bytes_max()));
  EXPECT_EQ(serve(put("/a", "body")), step::answered);
  EXPECT_THAT(contents(), ElementsAre("body"));
}

TEST_F(exchange_test, counts_what_is_kept_while_something_is_awaited) {
  auto const awaiting = 4096 + settings.header_bytes_max;  // coroutines and read-ahead data
  handler.finish = [](std::string const&, reply&) { return request_need::time; };
  EXPECT_EQ(serve(put("/a", std::string(50'000, 'x'))), step::time);
  EXPECT_EQ(under_way.used(), 50'000U + awaiting);
  EXPECT_TRUE(run());
  EXPECT_EQ(under_way.used(), 50'000U + awaiting);
  EXPECT_EQ(serve(), step::answered);
  EXPECT_EQ(under_way.used(), 0U);
}

// The request has been read to its end, so the connection continues.
TEST_F(exchange_test, refuses_to_await_something_for_which_there_is_no_memory_left) {
  auto const left = 50'000 + 4096 + settings.header_bytes_max - 1;
  handler.finish = [](std::string const&, reply&) { return request_need::time; };
  ASSERT_TRUE(under_way.take(under_way.bytes_max() - left));
  EXPECT_EQ(serve(put("/a", std::string(50'000, 'x'))), step::answered);
  auto const refused = only_answer();
  EXPECT_EQ(refused.status, 503U);
  EXPECT_THAT(refused.content, HasSubstr("overloaded"));
  EXPECT_EQ(handler.runs, 0);
  EXPECT_EQ(under_way.used(), under_way.bytes_max() - left);
}

TEST_F(exchange_test, gives_back_what_a_body_took_when_it_is_refused_or_its_connection_ends) {
  EXPECT_EQ(serve(put_head("/a", 50'000) + std::string(20'000, 'x')), step::more_bytes);
  requests->time_out();
  EXPECT_EQ(serve(), step::end);
  EXPECT_EQ(under_way.used(), 0U);
  renew();
  EXPECT_EQ(serve(put_chunked("/a", "7000\r\n") + std::string(0x7000, 'x')), step::more_bytes);
  EXPECT_GE(under_way.used(), 0x7000U);
  EXPECT_EQ(serve("?"), step::end);
  EXPECT_EQ(under_way.used(), 0U);
  renew();
  EXPECT_EQ(serve(put_head("/a", 50'000) + std::string(20'000, 'x')), step::more_bytes);
  requests.reset();
  EXPECT_EQ(under_way.used(), 0U);
}

// A client that sends its header in pieces keeps a coroutine and a buffer.
TEST_F(exchange_test, refuses_the_rest_of_a_header_for_which_there_is_no_memory_left) {
  EXPECT_EQ(serve("GET /a HT"), step::more_bytes);
  requests->run_out_of_memory();
  auto const said = serve();
  expect_refused(said, errc::overloaded, "Retry");
}

TEST_F(exchange_test, refuses_the_rest_of_a_body_for_which_there_is_no_memory_left) {
  EXPECT_EQ(serve(put_head("/a", 100) + "half"), step::more_bytes);
  requests->run_out_of_memory();
  auto const said = serve();
  expect_refused(said, errc::overloaded, "Retry");
}

TEST_F(exchange_test, refuses_a_wait_for_which_there_is_no_memory_left_and_continues) {
  handler.begin = [](request_head const&, reply&) { return request_need::time; };
  EXPECT_EQ(serve(get("/a")), step::time);
  requests->run_out_of_memory();
  EXPECT_EQ(serve(), step::answered);
  EXPECT_EQ(only_answer().status, 503U);
  EXPECT_EQ(handler.runs, 0);
}

// A page of a list belongs to the answer alone, and stays in memory until a slow client has read it.
TEST_F(exchange_test, counts_a_large_answer_until_it_is_sent) {
  handler.begin = [](request_head const&, reply& answer) {
    answer.body.assign(50'000, 'x');
    return request_need::nothing;
  };
  EXPECT_EQ(serve(get("/a")), step::room);
  EXPECT_GE(under_way.used(), 50'000U);
  requests->sent();
  EXPECT_EQ(serve(), step::answered);
  EXPECT_EQ(under_way.used(), 0U);
  renew();
  ASSERT_TRUE(under_way.take(under_way.bytes_max() - 40'000));
  EXPECT_EQ(serve(get("/a")), step::answered);
  EXPECT_EQ(only_answer().status, 503U);
  EXPECT_EQ(under_way.used(), under_way.bytes_max() - 40'000);
}

// A replaced value stays in memory until its slowest reader has read it.
TEST_F(exchange_test, counts_a_large_value_shared_by_those_who_are_sent_it) {
  auto const stored = std::make_shared<std::string const>(90'000, '1');
  handler.begin = [&](request_head const&, reply& answer) {
    answer.value = stored;
    return request_need::nothing;
  };
  EXPECT_EQ(serve(get("/a")), step::room);
  EXPECT_GE(under_way.used(), 45'000U) << "the store has it too";
  EXPECT_LT(under_way.used(), 90'000U);
  requests->sent();
  EXPECT_EQ(serve(), step::answered);
  EXPECT_EQ(under_way.used(), 0U);
  renew();
  ASSERT_TRUE(under_way.take(under_way.bytes_max() - 40'000));
  EXPECT_EQ(serve(get("/a")), step::answered);
  EXPECT_EQ(only_answer().status, 503U);
}

TEST_F(exchange_test, refuses_to_withhold_a_read_for_which_there_is_no_memory_left_and_answers_a_change) {
  progress.number = 1;
  handler.begin = [](request_head const&, reply& answer) {
    answer.content_type = "text/plain";
    answer.body.assign(1000, 'x');
    answer.timing.emplace();
    answer.needs = 2;
    return request_need::nothing;
  };
  EXPECT_EQ(serve(get("/a")), step::answered);
  EXPECT_TRUE(requests->has_withheld());
  EXPECT_EQ(only_answer().status, 200U);
  renew();
  ASSERT_TRUE(under_way.take(under_way.bytes_max() - 500));
  EXPECT_EQ(serve(get("/a")), step::answered);
  EXPECT_FALSE(requests->has_withheld());
  EXPECT_EQ(only_answer().status, 503U);
  EXPECT_EQ(serve("DELETE /a HTTP/1.1\r\nHost: a\r\n\r\n"), step::answered);
  EXPECT_TRUE(requests->has_withheld()) << "it has been done, and who asked must hear of it";
  EXPECT_EQ(only_answer().status, 200U);
}

// --- requests that are broken off ----------------------------------------------------------------------------------

// Neither the audit log nor the limits learned of a change whose long answer was not read to its end.
TEST_F(exchange_test, counts_a_request_whose_answer_was_not_sent_to_its_end) {
  handler.finish = [](std::string const& body, reply& answer) {
    answer.status = 201;
    answer.body = body;
    return request_need::nothing;
  };
  EXPECT_EQ(serve(put("/a", std::string(50'000, 'x'))), step::room);
  requests->break_off(20'000);
  requests->break_off(20'000);
  ASSERT_EQ(handler.counted.size(), 1U);
  auto const& one = handler.counted.front();
  EXPECT_EQ(one.method, method::put);
  EXPECT_EQ(one.status, 201U);
  EXPECT_EQ(one.body_bytes, 50'000U);
  EXPECT_EQ(one.content_bytes, 20'000U);
}

TEST_F(exchange_test, counts_a_request_whose_body_never_came_to_its_end) {
  EXPECT_EQ(serve(put_head("/a", 50'000) + std::string(20'000, 'x')), step::more_bytes);
  requests->break_off(0);
  ASSERT_EQ(handler.counted.size(), 1U);
  EXPECT_EQ(handler.counted[0].method, method::put);
  EXPECT_EQ(handler.counted[0].status, 499U);
  EXPECT_EQ(handler.counted[0].body_bytes, 20'000U);
  EXPECT_EQ(handler.counted[0].content_bytes, 0U);
}

TEST_F(exchange_test, counts_the_bytes_of_a_body_that_it_refused) {
  EXPECT_EQ(serve(put_head("/a", 50'000) + std::string(20'000, 'x')), step::more_bytes);
  requests->time_out();
  EXPECT_EQ(serve(), step::end);
  requests->break_off(0);
  ASSERT_EQ(handler.counted.size(), 1U);
  EXPECT_EQ(handler.counted[0].status, 408U);
  EXPECT_EQ(handler.counted[0].body_bytes, 20'000U);
}

TEST_F(exchange_test, counts_a_wait_whose_client_has_gone) {
  handler.begin = [](request_head const&, reply&) { return request_need::time; };
  handler.run_end = request_end::gone;
  EXPECT_EQ(serve(get("/a")), step::time);
  EXPECT_FALSE(run());
  requests->break_off(0);
  ASSERT_EQ(handler.counted.size(), 1U);
  EXPECT_EQ(handler.counted[0].status, 499U);
}

TEST_F(exchange_test, counts_a_request_on_which_the_handler_failed) {
  handler.begin = [](request_head const&, reply&) -> request_need { throw std::bad_alloc(); };
  EXPECT_THROW(serve(get("/a")), std::bad_alloc);
  requests->break_off(0);
  ASSERT_EQ(handler.counted.size(), 1U);
  EXPECT_EQ(handler.counted[0].method, method::get);
}

TEST_F(exchange_test, counts_nothing_between_two_requests) {
  requests->break_off(0);
  renew();
  EXPECT_EQ(serve(get("/a")), step::answered);
  requests->break_off(0);
  renew();
  EXPECT_EQ(serve(get("/a") + "GET /b HT"), step::answered);
  EXPECT_EQ(serve(), step::more_bytes);
  requests->break_off(0);
  renew();
  EXPECT_EQ(serve("no request\r\n\r\n"), step::end);
  requests->break_off(0);
  EXPECT_EQ(handler.counted.size(), 3U) << "those that were answered";
}

// --- HEAD ----------------------------------------------------------------------------------------------------------

TEST_F(exchange_test, sends_no_content_to_a_head_and_says_its_length) {
  EXPECT_EQ(serve("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n" + get("/abc")), step::answered);
  auto const head = only_answer();
  EXPECT_EQ(head.field("Content-Length"), "4");
  EXPECT_EQ(head.content, "");
  EXPECT_EQ(serve(), step::answered);
  EXPECT_THAT(contents(), ElementsAre("/abc")) << "the next request is none";
}

TEST_F(exchange_test, sends_no_problem_to_a_head_that_is_refused_for_its_header) {
  for (auto const* bad : {"HEAD /a HTTP/1.1\n", "HEAD /a HTTP/1.1\r\nno colon\r\n\r\n"}) {
    renew();
    EXPECT_EQ(serve(bad), step::end);
    auto const refused = only_answer();
    EXPECT_EQ(refused.status, 400U);
    EXPECT_NE(refused.field("Content-Length"), "0");
    EXPECT_EQ(refused.content, "");
  }
}

TEST_F(exchange_test, sends_no_problem_to_a_head_that_is_refused_for_its_body) {
  EXPECT_EQ(serve("HEAD /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), step::more_bytes);
  EXPECT_EQ(serve("GET \r\n"), step::end);
  auto const refused = only_answer();
  EXPECT_EQ(refused.status, 400U);
  EXPECT_EQ(refused.content, "");
}

TEST_F(exchange_test, a_body_that_looks_like_a_head_does_not_take_the_problem_away) {
  for (auto const& begin : {put_chunked("/a", ""), put_chunked("/a", "5\r\nHEAD ")}) {
    renew();
    EXPECT_EQ(serve(begin), step::more_bytes);
    auto const said = serve("HEAD / HTTP/1.1\r\n\r\n");
    expect_refused(said, errc::bad_request);
  }
}

// --- time-outs -----------------------------------------------------------------------------------------------------

TEST_F(exchange_test, answers_a_header_that_takes_too_long) {
  EXPECT_EQ(serve("GET /a HT"), step::more_bytes);
  requests->time_out();
  auto const said = serve();
  expect_refused(said, errc::request_timeout, "the header");
  EXPECT_EQ(handler.counted.back().method, method::unknown);
}

TEST_F(exchange_test, answers_a_body_that_takes_too_long) {
  EXPECT_EQ(serve(put_head("/a", 4) + "bo"), step::more_bytes);
  requests->time_out();
  auto const said = serve();
  expect_refused(said, errc::request_timeout, "the body");
  EXPECT_EQ(handler.counted.back().method, method::put);
  EXPECT_TRUE(handler.bodies.empty());
}

// --- large contents ------------------------------------------------------------------------------------------------

TEST_F(exchange_test, leaves_a_large_value_where_it_lies) {
  auto const value = std::make_shared<std::string const>(copied_bytes_max + 1, 'v');
  handler.begin = [&](request_head const& head, reply& answer) {
    if (head.target == "/large") answer.value = value;
    return request_need::nothing;
  };
  EXPECT_EQ(serve(get("/large") + get("/b")), step::room);
  auto const head = only_answer();
  EXPECT_EQ(head.field("Content-Length"), std::to_string(value->size()));
  EXPECT_EQ(head.content, "");
  EXPECT_EQ(requests->tail().data(), value->data());
  EXPECT_EQ(requests->tail().size(), value->size());
  requests->sent();
  EXPECT_EQ(serve(), step::answered);
  EXPECT_EQ(requests->tail(), "");
  EXPECT_EQ(value.use_count(), 1) << "nobody keeps it";
  EXPECT_EQ(serve(), step::answered);
  EXPECT_EQ(only_answer().status, 200U);
}

TEST_F(exchange_test, copies_a_content_up_to_the_limit_and_no_more) {
  std::size_t bytes = copied_bytes_max;
  handler.begin = [&](request_head const&, reply& answer) {
    answer.body.assign(bytes, 'x');
    return request_need::nothing;
  };
  EXPECT_EQ(serve(get("/a")), step::answered);
  EXPECT_EQ(only_answer().content, std::string(bytes, 'x'));
  ++bytes;
  EXPECT_EQ(serve(get("/a")), step::room);
}

TEST_F(exchange_test, has_no_tail_for_a_head) {
  handler.begin = [&](request_head const&, reply& answer) {
    answer.body.assign(copied_bytes_max + 1, 'x');
    return request_need::nothing;
  };
  EXPECT_EQ(serve("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n"), step::answered);
  EXPECT_EQ(requests->tail(), "");
}

TEST_F(exchange_test, ends_behind_a_tail_where_it_was_to_end) {
  handler.begin = [&](request_head const&, reply& answer) {
    answer.body.assign(copied_bytes_max + 1, 'x');
    return request_need::nothing;
  };
  EXPECT_EQ(serve(get("/a", "Connection: close\r\n")), step::room);
  requests->sent();
  EXPECT_EQ(serve(), step::end);
}

TEST_F(exchange_test, takes_nothing_for_sent_where_there_is_no_tail) {
  EXPECT_EQ(serve("GET /a HT"), step::more_bytes);
  requests->sent();
  EXPECT_EQ(serve(get("/a").substr(9)), step::answered);
  EXPECT_THAT(contents(), ElementsAre("/a"));
  EXPECT_EQ(handler.counted.size(), 1U);
}

// --- what is awaited -----------------------------------------------------------------------------------------------

TEST_F(exchange_test, answers_when_what_was_awaited_is_there) {
  handler.begin = [](request_head const&, reply&) { return request_need::time; };
  EXPECT_EQ(serve(get("/a") + get("/b")), step::time);
  auto const before = clock::now();
  EXPECT_TRUE(run());
  EXPECT_EQ(serve(), step::answered);
  EXPECT_THAT(contents(), ElementsAre("awaited"));
  ASSERT_EQ(handler.counted.size(), 1U);
  EXPECT_GE(handler.counted[0].begun_at, before) << "what it waited for the others does not count";
  EXPECT_EQ(serve(), step::time) << "the next one";
}

TEST_F(exchange_test, writes_nothing_where_the_handler_has_sent_the_answer) {
  handler.begin = [](request_head const&, reply&) { return request_need::time; };
  handler.run_end = request_end::sent;
  EXPECT_EQ(serve(get("/a")), step::time);
  EXPECT_TRUE(run());
  EXPECT_EQ(serve(), step::answered);
  EXPECT_EQ(output.view(), "");
  EXPECT_EQ(handler.counted.size(), 1U);
}

TEST_F(exchange_test, ends_where_the_handler_has_sent_the_last_answer) {
  handler.begin = [](request_head const&, reply&) { return request_need::time; };
  handler.run_end = request_end::sent;
  EXPECT_EQ(serve(get("/a")), step::time);
  requests->framing().close = true;  // as client_link::begin() does
  EXPECT_TRUE(run());
  EXPECT_EQ(serve(), step::end);
}

TEST_F(exchange_test, says_that_the_client_is_gone) {
  handler.begin = [](request_head const&, reply&) { return request_need::time; };
  handler.run_end = request_end::gone;
  EXPECT_EQ(serve(get("/a")), step::time);
  EXPECT_FALSE(run());
  EXPECT_TRUE(handler.counted.empty());
}

// --- draining ------------------------------------------------------------------------------------------------------

TEST_F(exchange_test, a_drain_makes_the_answer_the_last) {
  EXPECT_EQ(serve(put_head("/a", 4)), step::more_bytes);
  draining = true;
  EXPECT_EQ(serve("body" + get("/b")), step::end);
  auto const last = only_answer();
  EXPECT_EQ(last.field("Connection"), "close");
  EXPECT_EQ(last.content, "body");
  EXPECT_THAT(handler.requests, ElementsAre("PUT /a"));
}

// --- statistics ----------------------------------------------------------------------------------------------------

TEST_F(exchange_test, counts_each_answer_once_by_method_status_and_begin) {
  handler.finish = [](std::string const&, reply& answer) {
    answer.status = 201;
    return request_need::nothing;
  };
  auto const first = now;
  EXPECT_EQ(serve_all(get("/a") + put_head("/b", 4)), step::more_bytes);
  now += 1s;
  EXPECT_EQ(serve("body"), step::answered);
  EXPECT_EQ(serve("HEAD /c HTTP/1.1\r\nHost: a\r\n\r\n"), step::answered);
  EXPECT_EQ(serve("nonsense\r\n"), step::end);
  EXPECT_EQ(serve(), step::end);
  auto const& all = handler.counted;
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].method, method::get);
  EXPECT_EQ(all[0].status, 200U);
  EXPECT_EQ(all[0].begun_at, first);
  EXPECT_EQ(all[1].method, method::put);
  EXPECT_EQ(all[1].status, 201U);
  EXPECT_EQ(all[1].begun_at, first) << "the time for its body is a part of it";
  EXPECT_EQ(all[2].method, method::head);
  EXPECT_EQ(all[2].begun_at, now);
  EXPECT_EQ(all[3].method, method::unknown) << "and not that of the one before";
  EXPECT_EQ(all[3].status, 400U);
}

// --- one request after the other -----------------------------------------------------------------------------------

// The scanner had examined the first piece; then the fields were recognized as known, without the scanner. The next
// header was then scanned from the end of the first piece, so the end of a shorter header was never found.
TEST_F(exchange_test, what_the_scanner_saw_of_a_known_header_does_not_reach_the_next) {
  auto const known = get("/known", "X: as long as the next header, and longer\r\n");
  EXPECT_EQ(serve(known), step::answered);
  for (std::size_t cut = 1; cut < known.size(); ++cut) {
    renew();
    EXPECT_EQ(serve(std::string_view(known).substr(0, cut)), step::more_bytes);
    EXPECT_EQ(serve(std::string_view(known).substr(cut)), step::answered) << cut;
    // Fields that are unknown and malformed.
    EXPECT_EQ(serve("GET / HTTP/1.1\nHost: a\r\nX: " + std::to_string(cut) + "\r\n\r\n"), step::end) << cut;
    auto const got = answers();
    ASSERT_EQ(got.size(), 2U) << cut;
    EXPECT_EQ(got[0].content, "/known") << cut;
    EXPECT_EQ(got[1].status, 400U) << cut;
    renew();
    (void)serve(std::string_view(known).substr(0, cut));
    (void)serve(std::string_view(known).substr(cut));
    EXPECT_EQ(serve("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::to_string(cut) + "\r\n\r\n"), step::answered) << cut;
    EXPECT_THAT(contents(), ElementsAre("/known", "/")) << cut;
    EXPECT_EQ(serve(known), step::answered) << "so that it is not forgotten";
  }
}

TEST_F(exchange_test, what_the_scanner_saw_of_a_header_in_pieces_does_not_reach_the_next) {
  EXPECT_EQ(serve("GET /a HTTP/1.1\r\nHost"), step::more_bytes);
  EXPECT_EQ(serve(": a\r\nX: y\r\n\r\n"), step::answered);
  EXPECT_EQ(serve("GET /a HTTP/1.1\r\nHost: a\r\nX: z\r\n\r\n"), step::answered);
  EXPECT_THAT(contents(), ElementsAre("/a", "/a"));
}

TEST_F(exchange_test, no_part_of_an_answer_reaches_the_next) {
  auto const plain = [](request_head const&, reply&) { return request_need::nothing; };
  handler.begin = plain;
  EXPECT_EQ(serve(get("/a")), step::answered);
  auto expected = only_answer();
  expected.fields.erase("Date");
  for (auto const known : {true, false}) {
    handler.begin = [](request_head const&, reply& answer) {
      answer = {.status = 405,
                .content_type = "text/plain",
                .body = "text",
                .value = std::make_shared<std::string const>("1"),
                .tag = protocol::entity_tag{1, 2},
                .revision = 3,
                .location = "/l",
                .allow = "GET",
                .timing = protocol::lock_timing{},
                .request = protocol::request_id{},
                .more_fields = "X: y\r\n",
                .length_is_known = true};
      return request_need::nothing;
    };
    EXPECT_EQ(serve(get("/b")), step::answered);
    EXPECT_GT(only_answer().fields.size(), expected.fields.size() + 5);
    handler.begin = plain;
    EXPECT_EQ(serve(get("/c", known ? "" : "X: z\r\n")), step::answered);
    auto got = only_answer();
    got.fields.erase("Date");
    EXPECT_EQ(got.status, 200U);
    EXPECT_EQ(got.fields, expected.fields);
    EXPECT_EQ(got.content, "");
  }
}

TEST_F(exchange_test, an_answer_whose_length_is_unknown_does_not_make_the_next_one_so) {
  handler.begin = [](request_head const& head, reply& answer) {
    answer.length_is_known = head.target != "/unknown";
    return request_need::nothing;
  };
  EXPECT_EQ(serve("HEAD /unknown HTTP/1.1\r\nHost: a\r\n\r\n" + get("/b")), step::answered);
  EXPECT_EQ(only_answer().field("Transfer-Encoding"), "chunked");
  EXPECT_EQ(serve(), step::answered);
  EXPECT_EQ(only_answer().field("Content-Length"), "0");
}

TEST_F(exchange_test, the_framing_of_a_request_does_not_reach_the_next) {
  auto const old = "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"s;
  EXPECT_EQ(serve(get("/known")), step::answered);
  (void)answers();
  for (auto const& next : {get("/b"), get("/b", "X: y\r\n")}) {
    EXPECT_EQ(serve(old), step::answered);
    EXPECT_EQ(only_answer().field("Connection"), "keep-alive");
    EXPECT_EQ(serve(next), step::answered);
    EXPECT_EQ(only_answer().field("Connection"), "none");
  }
}

TEST_F(exchange_test, the_body_of_a_request_does_not_reach_the_next) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(serve(put_head("/a", 8) + "long"), step::more_bytes);
    EXPECT_EQ(serve("body"), step::answered);
    EXPECT_EQ(requests->body_bytes(), 0U);
    EXPECT_EQ(serve(put_chunked("/b", "5\r\nshort\r\n0\r\n\r\n")), step::answered);
    EXPECT_THAT(contents(), ElementsAre("longbody", "short"));
  }
}

TEST_F(exchange_test, keeps_the_memory_of_a_small_answer_for_the_next_and_not_that_of_a_large_one) {
  std::vector<std::size_t> kept;
  std::size_t bytes = 500;
  handler.begin = [&](request_head const&, reply& answer) {
    kept.push_back(answer.body.capacity());
    answer.body.assign(bytes, 'x');
    return request_need::nothing;
  };
  EXPECT_EQ(serve(get("/a")), step::answered);
  bytes = 5000;
  EXPECT_EQ(serve(get("/a")), step::answered);
  EXPECT_EQ(serve(get("/a")), step::answered);
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_GE(kept[1], 500U);
  EXPECT_LT(kept[2], 100U);
}

// An exchange serves one client after another: a previous HEAD removed the content of another client's 408.
TEST_F(exchange_test, a_header_that_takes_too_long_behind_a_head_is_told_why) {
  EXPECT_EQ(serve("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HT"), step::answered);
  (void)answers();
  EXPECT_EQ(serve(), step::more_bytes);
  requests->time_out();
  auto const said = serve();
  expect_refused(said, errc::request_timeout, "the header");
}

TEST_F(exchange_test, sends_no_problem_to_a_head_whose_header_takes_too_long) {
  EXPECT_EQ(serve("HEAD /a HT"), step::more_bytes);
  requests->time_out();
  EXPECT_EQ(serve(), step::end);
  EXPECT_EQ(only_answer().content, "");
}

TEST_F(exchange_test, says_no_100_to_who_has_begun_with_a_chunk) {
  auto const head = "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"s;
  EXPECT_EQ(serve(head + "4\r\n"), step::more_bytes);
  EXPECT_EQ(output.view(), "");
}

}  // namespace
}  // namespace holdfast::server
