#include "client/load/verify/recorder.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client/load/verify/verification.hpp"

namespace holdfast::client::verify {
namespace {

using namespace std::chrono_literals;
using load::operation_kind;

constexpr std::uint32_t key = 7;
constexpr value_number put_value = 42;

load::time_point at(instant ns) {
  return load::time_point(std::chrono::nanoseconds(ns));
}

std::string body_of(std::uint32_t of_key, value_number value, std::uint32_t bytes = 64) {
  std::string body;
  load::append_value(body, {of_key, value}, bytes);
  return body;
}

answer_message answered(unsigned status, content_kind content = content_kind::none, std::string body = {}) {
  answer_message message;
  message.status = status;
  message.content = content;
  message.body = std::move(body);
  return message;
}

load::planned_request request(operation_kind kind) {
  return {.operation = kind, .key = key, .value = kind == operation_kind::put ? put_value : 0};
}

/// What is kept of one request on connection 3 from 10 to 20 and its answer.
recorded_request recorded(operation_kind kind, answer_message const& answer, bool is_value = false) {
  recorder keeper(1);
  keeper.answer(keeper.ask(request(kind), 3, at(10)), answer, is_value, at(20));
  return keeper.at(0);
}

operation seen(action what, value_number value, instant responded = 20) {
  return {.what = what, .value = value, .invoked = 10, .responded = responded, .connection = 3};
}

TEST(recorder, takes_what_was_never_answered_for_what_may_have_happened) {
  recorder keeper(3);
  for (auto const kind : {operation_kind::put, operation_kind::del, operation_kind::get})
    keeper.ask(request(kind), 3, at(10));
  EXPECT_EQ(keeper.at(0).on_its_key(), seen(action::write, put_value, never));
  EXPECT_EQ(keeper.at(1).on_its_key(), seen(action::erase, absent, never));
  EXPECT_FALSE(keeper.at(2).on_its_key()) << "a get changes nothing, so without an answer it says nothing";
  for (auto number = 0U; number < 3; ++number) EXPECT_FALSE(keeper.at(number).of_lock());
}

TEST(recorder, reads_from_each_status_what_was_there_before) {
  auto const found = answered(200, content_kind::json, body_of(key, 5));
  EXPECT_EQ(recorded(operation_kind::get, found, true).on_its_key(), seen(action::read, 5));
  EXPECT_EQ(recorded(operation_kind::get, answered(404, content_kind::problem_json)).on_its_key(),
            seen(action::read, absent));
  EXPECT_EQ(recorded(operation_kind::put, answered(201)).on_its_key(), seen(action::create, put_value));
  EXPECT_EQ(recorded(operation_kind::put, answered(204)).on_its_key(), seen(action::replace, put_value));
  EXPECT_EQ(recorded(operation_kind::del, answered(204)).on_its_key(), seen(action::remove, absent));
  EXPECT_EQ(recorded(operation_kind::del, answered(404, content_kind::problem_json)).on_its_key(),
            seen(action::read, absent));
}

TEST(recorder, believes_a_problem_document_that_nothing_was_changed) {
  for (auto const status : {400U, 413U, 503U}) {
    auto const refusal = answered(status, content_kind::problem_json);
    EXPECT_FALSE(recorded(operation_kind::put, refusal).on_its_key()) << status;
    EXPECT_FALSE(recorded(operation_kind::del, refusal).on_its_key()) << status;
    EXPECT_FALSE(recorded(operation_kind::put, refusal).of_lock()) << status;
  }
}

TEST(recorder, takes_any_other_error_for_what_may_have_happened) {
  for (auto const& error : {answered(500, content_kind::problem_json), answered(502), answered(503),
                            answered(404, content_kind::other), answered(200, content_kind::json)}) {
    EXPECT_EQ(recorded(operation_kind::put, error).on_its_key(), seen(action::write, put_value, never)) << error.status;
    if (error.status == 404) continue;  // of a delete that is an answer
    EXPECT_EQ(recorded(operation_kind::del, error).on_its_key(), seen(action::erase, absent, never)) << error.status;
  }
}

TEST(recorder, knows_the_value_of_another_key_by_its_number) {
  auto const others = answered(200, content_kind::json, body_of(key + 1, 5));
  EXPECT_EQ(recorded(operation_kind::get, others).on_its_key()->value, 5U);
}

TEST(recorder, takes_what_has_not_the_form_of_a_value_for_nobodys) {
  for (auto const& body : {std::string(), std::string("1"), body_of(key, 5) + ' ', body_of(key, 5).erase(30, 1)})
    EXPECT_EQ(recorded(operation_kind::get, answered(200, content_kind::json, body)).on_its_key()->value,
              no_value_of_ours)
        << body;
}

TEST(recorder, keeps_what_the_server_told_of_the_lock) {
  auto answer = answered(204);
  answer.timing = protocol::lock_timing{1500us, 2us};
  answer.etag = "\"00000000000000ff-12\"";
  auto const use = recorded(operation_kind::put, answer).of_lock();
  ASSERT_TRUE(use);
  EXPECT_EQ(use->invoked, 10);
  EXPECT_EQ(use->responded, 20);
  EXPECT_EQ(use->wait, 1'500'000);
  EXPECT_EQ(use->hold, 2000);
  EXPECT_EQ(use->revision, 12U);
  EXPECT_TRUE(use->is_put);

  answer.timing.reset();
  EXPECT_LT(recorded(operation_kind::put, answer).of_lock()->wait, 0);
  answer.etag.clear();
  EXPECT_FALSE(recorded(operation_kind::put, answer).of_lock());
}

TEST(recorder, compares_no_revisions_of_different_starts_of_the_server) {
  recorder keeper(3);
  auto answer = answered(204);
  auto const revision_with = [&](char const* tag) {
    answer.etag = tag;
    auto const number = keeper.ask(request(operation_kind::put), 3, at(10));
    keeper.answer(number, answer, false, at(20));
    return keeper.at(number).revision;
  };
  EXPECT_EQ(revision_with("\"00000000000000ff-12\""), 12U);
  EXPECT_FALSE(keeper.has_seen_another_database());
  EXPECT_EQ(revision_with("\"00000000000000fe-3\""), 0U);
  EXPECT_EQ(revision_with("\"00000000000000ff-13\""), 13U);
  EXPECT_TRUE(keeper.has_seen_another_database());
}

// A server in memory that was killed and started again was accused of granting its lock out of turn.
TEST(verification, judges_nothing_where_the_database_was_replaced) {
  std::vector<std::unique_ptr<recorder>> threads;
  auto answer = answered(204);
  for (auto const* tag : {"\"00000000000000ff-12\"", "\"00000000000000fe-3\""}) {
    auto& keeper = *threads.emplace_back(std::make_unique<recorder>(1));
    answer.etag = tag;
    keeper.answer(keeper.ask(request(operation_kind::put), 3, at(10)), answer, false, at(20));
  }
  auto const verified = verify_run({.threads = threads, .first_values = {}, .time_max = 1s});
  EXPECT_TRUE(verified.was_replaced);
  EXPECT_EQ(verified.verdict, verdict::undecided);
  EXPECT_FALSE(verified.is_violated());
  EXPECT_NE(text_of(verified, "").find("the server's database was replaced during the run"), std::string::npos);
}

TEST(recorder, keeps_every_request_apart_and_says_when_it_is_full) {
  constexpr std::uint64_t many = 40'000;  // of several chunks
  recorder keeper(many);
  for (std::uint64_t i = 0; i < many; ++i) {
    EXPECT_FALSE(keeper.is_full());
    auto what = request(operation_kind::put);
    what.value = i;
    ASSERT_EQ(keeper.ask(what, static_cast<std::uint32_t>(i % 5), at(static_cast<instant>(i))), i);
  }
  EXPECT_TRUE(keeper.is_full());
  // Answers come in any order.
  for (auto i = many; i-- > 0;) keeper.answer(i, answered(i % 2 == 0 ? 201 : 204), false, at(1'000'000));
  for (std::uint64_t i = 0; i < many; ++i) {
    operation const expected{.what = i % 2 == 0 ? action::create : action::replace,
                             .value = i,
                             .invoked = static_cast<instant>(i),
                             .responded = 1'000'000,
                             .connection = static_cast<std::uint32_t>(i % 5)};
    ASSERT_EQ(keeper.at(i).on_its_key(), expected);
  }
}

}  // namespace
}  // namespace holdfast::client::verify
