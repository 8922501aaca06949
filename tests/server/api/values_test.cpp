#include "server/api/values.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tests/server/http/written_head.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

json_text json(std::string text) {
  return std::make_shared<std::string const>(std::move(text));
}

protocol::operation const get = get_operation{"a b"};
protocol::operation const put = put_operation{"a b/ä", json("1")};
protocol::operation const del = delete_operation{"a b"};
constexpr std::uint64_t start = 0x3f;

/// The answer to what an operation came to.
reply reply_to(protocol::operation const& done, outcome result, std::uint64_t its_start,
               std::optional<std::string> const& if_none_match) {
  reply answer;
  make_answer(value_request{done, {}, if_none_match, false}, execution{std::move(result), {}, {}, 0}, its_start,
              answer);
  return answer;
}

TEST(answer_to_get, is_the_value_itself_with_its_tag) {
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

TEST(answer_to_get, is_304_without_content_when_the_client_has_the_value) {
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

TEST(answer_to_get, is_200_when_the_tag_is_of_another_revision_or_another_start) {
  for (auto const* tags : {"\"3f-16\"", "\"40-17\"", "", "3f-17"})
    EXPECT_EQ(reply_to(get, value_found{json("1"), 17}, start, tags).status, 200U) << tags;
}

TEST(answer_to_get, is_404_where_there_is_no_such_key_whatever_the_client_has) {
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

TEST(answer_to_put, is_201_with_an_encoded_location_when_the_key_is_new) {
  auto const head = write(reply_to(put, value_stored{17, true, nullptr}, start, std::nullopt));
  EXPECT_EQ(head.status_line, "HTTP/1.1 201 Created");
  EXPECT_EQ(head.fields.at("Location"), "/v1/kv/a%20b/%C3%A4");
  EXPECT_EQ(head.fields.at("ETag"), "\"3f-17\"");
  EXPECT_EQ(head.fields.at("Content-Length"), "0");
  EXPECT_FALSE(head.has("Content-Type"));
}

TEST(answer_to_put, is_204_when_the_value_was_replaced) {
  auto const head = write(reply_to(put, value_stored{18, false, json("0")}, start, std::nullopt));
  EXPECT_EQ(head.status_line, "HTTP/1.1 204 No Content");
  EXPECT_EQ(head.fields.at("ETag"), "\"3f-18\"");
  EXPECT_FALSE(head.has("Location"));
  EXPECT_FALSE(head.has("Content-Length"));
}

TEST(answer_to_delete, is_204_or_404) {
  auto const head = write(reply_to(del, value_deleted{json("0")}, start, std::nullopt));
  EXPECT_EQ(head.status_line, "HTTP/1.1 204 No Content");
  EXPECT_FALSE(head.has("Content-Length"));
  EXPECT_FALSE(head.has("ETag"));
  EXPECT_EQ(reply_to(del, no_such_key{}, start, std::nullopt).status, 404U);
}

TEST(answer_to_put, is_507_with_advice_when_there_is_no_room) {
  auto const answer = reply_to(put, no_room{}, start, std::nullopt);
  EXPECT_EQ(answer.status, 507U);
  EXPECT_NE(answer.content().find("--max-memory"), std::string::npos);
}

TEST(lock_operation_of, tells_the_lock_what_each_operation_is) {
  auto const operation_of = [](protocol::operation const& one, bool head_only) {
    return lock_operation_of(value_request{one, {}, {}, head_only});
  };
  EXPECT_EQ(operation_of(get, false), lock_operation::get);
  EXPECT_EQ(operation_of(get, true), lock_operation::head);
  EXPECT_EQ(operation_of(put, false), lock_operation::put);
  EXPECT_EQ(operation_of(del, false), lock_operation::del);
}

}  // namespace
}  // namespace holdfast::server
