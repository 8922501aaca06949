// The state machine of a connection's requests: its results for given bytes, without a connection.
#include "server/http/exchange.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <string>
#include <vector>

#include "tests/server/http/exchange_fixture.hpp"

namespace holdfast::server::exchange_tests {
namespace {

using namespace std::literals;
using protocol::errc;
using testing::ElementsAre;
using testing::HasSubstr;

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
}  // namespace holdfast::server::exchange_tests
