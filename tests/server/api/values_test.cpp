#include "server/api/values.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "server/api/make_answer.hpp"
#include "tests/server/http/written_head.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

json_text json(std::string text) {
  return std::make_shared<std::string const>(std::move(text));
}

data_operation const get = get_operation{"a b"};
data_operation const put = put_operation{"a b/ä", json("1")};
data_operation const del = delete_operation{"a b"};
constexpr std::uint64_t database_id = 0x3f;

/// The answer for an outcome.
reply reply_to(data_operation const& operation, data_outcome result) {
  reply answer;
  data_request request;
  request.operation = operation;
  request.name = std::holds_alternative<get_operation>(operation) ? lock_operation::get : lock_operation::put;
  execution done;
  done.outcome = std::move(result);
  done.revision = 19;
  make_answer(request, std::move(done), database_id, 0x77, answer);
  return answer;
}

TEST(answer_to_get, is_the_value_itself_with_its_tag) {
  auto const value = json(" {\"a\": 1} ");
  auto const answer = reply_to(get, value_found{value, 17, no_expiry});
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
  auto const answer = reply_to(get, not_modified{17});
  auto const head = write(answer);
  EXPECT_EQ(head.status_line, "HTTP/1.1 304 Not Modified");
  EXPECT_EQ(head.fields.at("ETag"), "\"3f-17\"");
  EXPECT_EQ(answer.content(), "");
  EXPECT_FALSE(head.has("Content-Length"));
  EXPECT_FALSE(head.has("Content-Type"));
}

TEST(answer_to_get, is_404_with_the_revision_where_there_is_no_such_key) {
  auto const answer = reply_to(get, no_such_key{});
  EXPECT_EQ(answer.status, 404U);
  auto const problem = nlohmann::json::parse(answer.content());
  EXPECT_EQ(problem["code"], "key_not_found");
  EXPECT_NE(problem["detail"].get<std::string>().find("'a b'"), std::string::npos);
  EXPECT_NE(problem["detail"].get<std::string>().find("/v1/kv/a%20b"), std::string::npos);
  EXPECT_FALSE(write(answer).has("ETag"));
  EXPECT_EQ(write(answer).fields.at("Holdfast-Revision"), "19");
}

TEST(answer_to_any_request, is_412_with_the_present_tag_when_a_condition_failed) {
  auto const head = write(reply_to(put, condition_failed{17, false, false}));
  EXPECT_EQ(head.status_line, "HTTP/1.1 412 Precondition Failed");
  EXPECT_EQ(head.fields.at("ETag"), "\"3f-17\"");
  EXPECT_FALSE(write(reply_to(put, condition_failed{0, false, false})).has("ETag"));
  EXPECT_NE(reply_to(put, condition_failed{17, false, true}).content().find("proxy"), std::string_view::npos);
  EXPECT_NE(reply_to(put, condition_failed{17, true, false}).content().find("already_exists"), std::string_view::npos);
}

TEST(answer_to_put, is_201_with_an_encoded_location_when_the_key_is_new) {
  auto const head = write(reply_to(put, value_stored{17, true, json("1"), nullptr, no_expiry}));
  EXPECT_EQ(head.status_line, "HTTP/1.1 201 Created");
  EXPECT_EQ(head.fields.at("Location"), "/v1/kv/a%20b/%C3%A4");
  EXPECT_EQ(head.fields.at("ETag"), "\"3f-17\"");
  EXPECT_EQ(head.fields.at("Content-Length"), "0");
  EXPECT_FALSE(head.has("Content-Type"));
}

TEST(answer_to_put, is_204_when_the_value_was_replaced) {
  auto const head = write(reply_to(put, value_stored{18, false, json("1"), json("0"), no_expiry}));
  EXPECT_EQ(head.status_line, "HTTP/1.1 204 No Content");
  EXPECT_EQ(head.fields.at("ETag"), "\"3f-18\"");
  EXPECT_FALSE(head.has("Location"));
  EXPECT_FALSE(head.has("Content-Length"));
}

TEST(answer_to_delete, is_204_or_404) {
  auto const head = write(reply_to(del, value_deleted{18, json("0")}));
  EXPECT_EQ(head.status_line, "HTTP/1.1 204 No Content");
  EXPECT_FALSE(head.has("Content-Length"));
  EXPECT_FALSE(head.has("ETag"));
  EXPECT_EQ(reply_to(del, no_such_key{}).status, 404U);
}

TEST(answer_to_put, is_507_with_advice_when_there_is_no_room) {
  auto const answer = reply_to(put, no_room{});
  EXPECT_EQ(answer.status, 507U);
  EXPECT_NE(answer.content().find("--max-memory"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::server
