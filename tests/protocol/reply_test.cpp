#include "protocol/reply.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

namespace holdfast::protocol {
namespace {

using namespace std::chrono_literals;

/// A written header taken apart again, as strictly as it should be written.
struct written {
  std::string status_line;
  std::map<std::string, std::string> fields;

  [[nodiscard]] bool has(std::string const& name) const { return fields.contains(name); }
};

written write(reply const& reply, reply_framing framing = {}) {
  std::string text = "before ";
  append_head(text, reply, framing);
  EXPECT_TRUE(text.starts_with("before ")) << "append_head must append";
  text.erase(0, 7);
  written head;
  EXPECT_TRUE(text.ends_with("\r\n\r\n")) << text;
  for (std::size_t at = 0, end = 0; (end = text.find("\r\n", at)) != std::string::npos && end != at; at = end + 2) {
    auto const line = text.substr(at, end - at);
    EXPECT_EQ(line.find_first_of("\r\n"), std::string::npos);
    if (at == 0) {
      head.status_line = line;
      continue;
    }
    auto const colon = line.find(": ");
    EXPECT_NE(colon, std::string::npos) << line;
    EXPECT_TRUE(head.fields.emplace(line.substr(0, colon), line.substr(colon + 2)).second) << "twice: " << line;
  }
  EXPECT_EQ(text.find("\r\n\r\n"), text.size() - 4) << "an empty line within: " << text;
  return head;
}

json_text json(std::string text) {
  return std::make_shared<std::string const>(std::move(text));
}

operation const get = get_operation{"a b"};
operation const put = put_operation{"a b/ä", json("1")};
operation const del = delete_operation{"a b"};
constexpr std::uint64_t start = 0x3f;

TEST(reply_to_get, is_the_value_itself_with_its_tag) {
  auto const value = json(" {\"a\": 1} ");
  auto const answer = reply_to(get, value_found{value, 17}, start, std::nullopt);
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.value, value) << "shared, not copied";
  EXPECT_EQ(answer.content(), " {\"a\": 1} ");
  auto const head = write(answer);
  EXPECT_EQ(head.status_line, "HTTP/1.1 200 OK");
  EXPECT_EQ(head.fields.at("Content-Type"), "application/json");
  EXPECT_EQ(head.fields.at("Content-Length"), "10");
  EXPECT_EQ(head.fields.at("ETag"), "\"3f-17\"");
}

// The short way to the commonest answer must not become another one.
TEST(write_value_answer, writes_what_the_long_way_does_to_the_last_byte) {
  for (std::size_t const size : {1U, 2U, 255U, 511U, 512U, 513U, 5000U})
    for (std::uint64_t const number : {0U, 1U, 12345U})
      for (auto const& hold : {0ns, 499ns, 500ns, 1234567ns, 3600000000000ns}) {
        lock_timing const timing{.wait = {}, .hold = hold, .position = number != 0 ? std::optional(0U) : std::nullopt};
        auto answer = reply_to(get, value_found{json(std::string(size, '7')), 17 * number}, start, std::nullopt);
        answer.timing = timing;
        if (number != 0) answer.request = request_id{start, number};
        std::string expected, got(plain_head_bytes_max + size, ' ');
        append_head(expected, answer, {});
        expected += answer.content();
        auto const* const end = write_value_answer(got.data(), *answer.tag, timing, {start, number}, answer.content());
        got.resize(static_cast<std::size_t>(end - got.data()));
        EXPECT_EQ(got, expected);
      }
}

TEST(reply_to_get, is_304_without_content_when_the_client_has_the_value) {
  for (auto const* tags : {"\"3f-17\"", "W/\"3f-17\"", "\"a\", \"3f-17\"", "*"}) {
    auto const answer = reply_to(get, value_found{json("1"), 17}, start, tags);
    auto const head = write(answer);
    EXPECT_EQ(head.status_line, "HTTP/1.1 304 Not Modified") << tags;
    EXPECT_EQ(head.fields.at("ETag"), "\"3f-17\"") << tags;
    EXPECT_EQ(answer.content(), "");
    EXPECT_FALSE(head.has("Content-Length"));
    EXPECT_FALSE(head.has("Content-Type"));
  }
}

TEST(reply_to_get, is_200_when_the_tag_is_of_another_revision_or_another_start) {
  for (auto const* tags : {"\"3f-16\"", "\"40-17\"", "", "3f-17"})
    EXPECT_EQ(reply_to(get, value_found{json("1"), 17}, start, tags).status, 200U) << tags;
}

TEST(reply_to_get, is_404_where_there_is_no_such_key_whatever_the_client_has) {
  for (auto const& tags : {std::optional<std::string>(), std::optional<std::string>("*")}) {
    auto const answer = reply_to(get, no_such_key{}, start, tags);
    EXPECT_EQ(answer.status, 404U);
    auto const problem = nlohmann::json::parse(answer.content());
    EXPECT_EQ(problem["code"], "key_not_found");
    EXPECT_NE(problem["detail"].get<std::string>().find("'a b'"), std::string::npos);
    EXPECT_NE(problem["detail"].get<std::string>().find("/v1/kv/a%20b"), std::string::npos);
    EXPECT_FALSE(write(answer).has("ETag"));
  }
}

TEST(reply_to_put, is_201_with_an_encoded_location_when_the_key_is_new) {
  auto const head = write(reply_to(put, value_stored{17, true, nullptr}, start, std::nullopt));
  EXPECT_EQ(head.status_line, "HTTP/1.1 201 Created");
  EXPECT_EQ(head.fields.at("Location"), "/v1/kv/a%20b/%C3%A4");
  EXPECT_EQ(head.fields.at("ETag"), "\"3f-17\"");
  EXPECT_EQ(head.fields.at("Content-Length"), "0");
  EXPECT_FALSE(head.has("Content-Type"));
}

TEST(reply_to_put, is_204_when_the_value_was_replaced) {
  auto const head = write(reply_to(put, value_stored{18, false, json("0")}, start, std::nullopt));
  EXPECT_EQ(head.status_line, "HTTP/1.1 204 No Content");
  EXPECT_EQ(head.fields.at("ETag"), "\"3f-18\"");
  EXPECT_FALSE(head.has("Location"));
  EXPECT_FALSE(head.has("Content-Length"));
}

TEST(reply_to_delete, is_204_or_404) {
  auto const head = write(reply_to(del, value_deleted{json("0")}, start, std::nullopt));
  EXPECT_EQ(head.status_line, "HTTP/1.1 204 No Content");
  EXPECT_FALSE(head.has("Content-Length"));
  EXPECT_FALSE(head.has("ETag"));
  EXPECT_EQ(reply_to(del, no_such_key{}, start, std::nullopt).status, 404U);
}

TEST(reply_to_failure, is_a_problem_with_the_status_of_its_kind) {
  for (int i = 0; i <= static_cast<int>(errc::internal); ++i) {
    failure const error{static_cast<errc>(i), "do this"};
    auto const traits = traits_of(error.code);
    auto const answer = reply_to(error);
    EXPECT_EQ(answer.status, traits.status);
    EXPECT_EQ(answer.content(), problem_json(error));
    auto const head = write(answer);
    // A status without a line of its own would be sent as 500.
    EXPECT_TRUE(head.status_line.starts_with("HTTP/1.1 " + std::to_string(traits.status) + " ")) << head.status_line;
    EXPECT_EQ(head.fields.at("Content-Type"), "application/problem+json");
    EXPECT_EQ(head.fields.at("Content-Length"), std::to_string(answer.content().size()));
    EXPECT_EQ(head.has("Retry-After"), traits.status == 503) << traits.code;
  }
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
  auto const answer = reply_to(get, value_found{json("12345"), 17}, start, std::nullopt);
  auto head = write(answer, {.head_only = true}), full = write(answer);
  head.fields.erase("Date");  // a second may have begun in between
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
}  // namespace holdfast::protocol
