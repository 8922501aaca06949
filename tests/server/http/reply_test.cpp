#include "server/http/reply.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tests/server/http/written_head.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using namespace std::chrono_literals;

constexpr std::uint64_t start = 0x3f;

json_text json(std::string text) {
  return std::make_shared<std::string const>(std::move(text));
}

// The fast path must produce the same header as the full one.
TEST(write_head_of_value, writes_what_the_long_way_does_to_the_last_byte) {
  for (std::size_t const size : {1U, 2U, 255U, 511U, 512U, 513U, 50000U})
    for (std::uint64_t const number : {0U, 1U, 12345U})
      for (auto const& hold : {0ns, 499ns, 500ns, 1234567ns, 3600000000000ns}) {
        reply answer;
        answer.content_type = "application/json";
        answer.value = json(std::string(size, '7'));
        answer.tag = entity_tag{start, 17 * number};
        answer.timing =
            lock_timing{.wait = {}, .hold = hold, .position = number != 0 ? std::optional(0U) : std::nullopt};
        if (number != 0) answer.request = request_id{start, number};
        for (auto const head_only : {false, true}) {
          std::string expected, got(plain_head_bytes_max, ' ');
          append_head(expected, answer, {.head_only = head_only});
          auto const* const end = write_head_of_value(got.data(), answer, {.head_only = head_only});
          ASSERT_NE(end, nullptr);
          got.resize(static_cast<std::size_t>(end - got.data()));
          EXPECT_EQ(got, expected);
        }
      }
}

TEST(write_head_of_value, leaves_any_other_answer_to_the_long_way) {
  reply plain;
  plain.content_type = "application/json";
  plain.value = json("1");
  plain.tag = entity_tag{start, 1};
  plain.timing = lock_timing{};
  char room[plain_head_bytes_max];
  ASSERT_NE(write_head_of_value(room, plain, {}), nullptr);
  EXPECT_EQ(write_head_of_value(room, plain, {.close = true}), nullptr);
  EXPECT_EQ(write_head_of_value(room, plain, {.http11 = false}), nullptr);
  auto const without = [&](auto change) {
    auto other = plain;
    change(other);
    return write_head_of_value(room, other, {}) == nullptr;
  };
  EXPECT_TRUE(without([](reply& one) { one.status = 304; }));
  EXPECT_TRUE(without([](reply& one) { one.value.reset(); }));
  EXPECT_TRUE(without([](reply& one) { one.tag.reset(); }));
  EXPECT_TRUE(without([](reply& one) { one.timing.reset(); }));
  EXPECT_TRUE(without([](reply& one) { one.allow = "GET"; }));
  EXPECT_TRUE(without([](reply& one) { one.location = "/"; }));
  EXPECT_TRUE(without([](reply& one) { one.more_fields = "A: b\r\n"; }));
}

TEST(reply_to_failure, is_a_problem_with_the_status_of_its_kind) {
  for (int i = 0; i <= static_cast<int>(errc::internal); ++i) {
    failure const error{static_cast<errc>(i), "do this"};
    auto const traits = traits_of(error.code);
    auto const answer = reply_to(error);
    EXPECT_EQ(answer.status, traits.status);
    EXPECT_EQ(answer.content(), problem_json(error));
    auto const head = write(answer);
    // A status without a status line would be sent as 500.
    EXPECT_TRUE(head.status_line.starts_with("HTTP/1.1 " + std::to_string(traits.status) + " ")) << head.status_line;
    EXPECT_EQ(head.fields.at("Content-Type"), "application/problem+json");
    EXPECT_EQ(head.fields.at("Content-Length"), std::to_string(answer.content().size()));
    EXPECT_EQ(head.has("Retry-After"), traits.status == 503) << traits.code;
  }
}

TEST(append_head, every_status_that_there_is_has_a_line_of_its_own) {
  std::map<std::string, unsigned> status_of;
  auto const check = [&](unsigned status) {
    reply answer;
    answer.status = status;
    auto const line = write(answer).status_line;
    EXPECT_TRUE(line.starts_with("HTTP/1.1 " + std::to_string(status) + " ")) << line;
    auto const reason = line.substr(std::string("HTTP/1.1 200 ").size());
    EXPECT_EQ(status_of.try_emplace(reason, status).first->second, status) << reason;
  };
  for (unsigned const status : {200U, 201U, 204U, 304U}) check(status);
  for (int i = 0; i <= static_cast<int>(errc::internal); ++i) check(traits_of(static_cast<errc>(i)).status);
}

TEST(append_head, every_answer_has_a_date_and_forbids_sniffing) {
  for (unsigned const status : {200U, 201U, 204U, 304U, 404U, 503U}) {
    reply answer;
    answer.status = status;
    auto const head = write(answer);
    EXPECT_EQ(head.fields.at("Date").size(), 29U) << status;
    EXPECT_EQ(head.fields.at("X-Content-Type-Options"), "nosniff") << status;
  }
}

TEST(append_head, retry_after_is_a_number_of_seconds) {
  EXPECT_EQ(write(reply_to(failure{errc::lock_timeout, "wait"})).fields.at("Retry-After"), "1");
}

TEST(append_head, tells_the_time_in_the_lock_when_there_was_one) {
  reply answer;
  EXPECT_FALSE(write(answer).has("Server-Timing"));
  answer.timing = lock_timing{12us, 1s};
  EXPECT_EQ(write(answer).fields.at("Server-Timing"), "wait;dur=0.012, hold;dur=1000.000");
}

TEST(append_head, names_the_allowed_methods_when_they_are_given) {
  reply answer;
  EXPECT_FALSE(write(answer).has("Allow"));
  answer.status = 204;
  answer.allow = "GET, PUT";
  EXPECT_EQ(write(answer).fields.at("Allow"), "GET, PUT");
}

TEST(append_head, a_head_request_is_told_the_length_that_a_get_would_have) {
  reply answer;
  answer.value = json("12345");
  auto head = write(answer, {.head_only = true}), full = write(answer);
  head.fields.erase("Date");  // the second may have changed in between
  full.fields.erase("Date");
  EXPECT_EQ(head.fields, full.fields);
  EXPECT_EQ(head.fields.at("Content-Length"), "5");
}

TEST(append_head, says_whether_the_connection_stays_where_the_version_does_not) {
  reply const answer;
  EXPECT_FALSE(write(answer).has("Connection"));
  EXPECT_EQ(write(answer, {.close = true}).fields.at("Connection"), "close");
  EXPECT_EQ(write(answer, {.http11 = false}).fields.at("Connection"), "keep-alive");
  EXPECT_EQ(write(answer, {.close = true, .http11 = false}).fields.at("Connection"), "close");
}

TEST(append_head, answers_http10_with_the_servers_own_version) {
  EXPECT_EQ(write(reply{}, {.http11 = false}).status_line, "HTTP/1.1 200 OK");
}

}  // namespace
}  // namespace holdfast::server
