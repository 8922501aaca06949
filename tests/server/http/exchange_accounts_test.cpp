// What an exchange keeps, awaits, breaks off and counts.
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

}  // namespace
}  // namespace holdfast::server::exchange_tests
