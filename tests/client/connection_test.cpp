#include "client/connection.hpp"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <exception>

#include "tests/client/scripted_server.hpp"

namespace holdfast::client {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;
using tests::scripted_answer;
using tests::scripted_server;
using tests::sound_answer;
using ending = scripted_answer::ending;

std::string const found = sound_answer(
    "200 OK", "Content-Type: application/json\r\nETag: \"a-7\"\r\nServer-Timing: wait;dur=1.5, hold;dur=2.25\r\n",
    "42");
std::string const missing = sound_answer(
    "404 Not Found", "Content-Type: application/problem+json\r\nServer-Timing: wait;dur=1, hold;dur=0\r\n",
    R"({"type":"urn:x","title":"There is no such key","status":404,"detail":"PUT one","code":"key_not_found"})");

/// A connection whose calls look synchronous to the test.
class caller {
 public:
  explicit caller(std::string const& url, std::optional<std::chrono::nanoseconds> request_timeout = {})
      : connection_(context_.get_executor(), settings(url, request_timeout)) {}

  result<answer> get(std::string key, request_options wishes = {}) {
    return wait(connection_.get(std::move(key), wishes));
  }
  result<answer> put(std::string key, std::string value) {
    return wait(connection_.put(std::move(key), std::move(value)));
  }
  result<answer> del(std::string key) { return wait(connection_.del(std::move(key))); }
  result<void> connect() { return wait(connection_.connect()); }
  connection& operator*() { return connection_; }
  template <class T>
  T run(awaitable<T> call) {
    return wait(std::move(call));
  }

 private:
  static connection_settings settings(std::string const& url, std::optional<std::chrono::nanoseconds> request_timeout) {
    connection_settings chosen;
    chosen.server = parse_server_url(url).value();
    chosen.request_timeout = request_timeout;
    return chosen;
  }

  template <class T>
  T wait(awaitable<T> call) {
    std::optional<T> outcome;
    boost::asio::co_spawn(context_, std::move(call), [&](std::exception_ptr thrown, T done) {
      if (thrown) std::rethrow_exception(thrown);
      outcome = std::move(done);
    });
    context_.restart();
    context_.run();
    return std::move(outcome.value());
  }

  boost::asio::io_context context_{1};
  connection connection_;
};

TEST(connection, gets_value_revision_and_timing) {
  scripted_server server(found);
  caller client(server.url());
  auto const got = client.get("my key/ä", {.hold = 1s, .lock_timeout = {}});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->status, 200U);
  EXPECT_EQ(got->value, "42");
  EXPECT_EQ(got->etag, "\"a-7\"");
  EXPECT_EQ(got->revision, 7U);
  ASSERT_TRUE(got->timing);
  EXPECT_EQ(got->timing->wait, 1500us);
  EXPECT_EQ(got->timing->hold, 2250us);
  EXPECT_THAT(server.requests().at(0).text, StartsWith("GET /v1/kv/my%20key/%C3%A4?hold=1s HTTP/1.1\r\n"));
}

TEST(connection, puts_the_value_byte_for_byte) {
  scripted_server server(sound_answer("201 Created", "Location: /v1/kv/a\r\nETag: \"a-8\"\r\n", ""));
  caller client(server.url());
  auto const put = client.put("a", "{\n}");
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->status, 201U);
  EXPECT_EQ(put->revision, 8U);
  EXPECT_FALSE(put->timing);
  EXPECT_THAT(server.requests().at(0).text, testing::EndsWith("Content-Length: 3\r\n\r\n{\n}"));
}

TEST(connection, deletes) {
  scripted_server server("HTTP/1.1 204 No Content\r\n\r\n");
  caller client(server.url());
  auto const deleted = client.del("a");
  ASSERT_TRUE(deleted) << deleted.error().message;
  EXPECT_EQ(deleted->status, 204U);
  EXPECT_THAT(server.requests().at(0).text, StartsWith("DELETE /v1/kv/a HTTP/1.1\r\n"));
}

TEST(connection, sends_one_request_after_another_over_the_same_connection) {
  scripted_server server(found);
  caller client(server.url());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.get("a"));
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST(connection, reads_an_answer_that_comes_byte_by_byte) {
  scripted_server server([](auto const&) { return scripted_answer{.bytes = found, .byte_by_byte = true}; });
  caller client(server.url());
  auto const got = client.get("a");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->value, "42");
}

TEST(connection, returns_a_refusal_with_its_problem_and_stays_open) {
  scripted_server server(missing);
  caller client(server.url());
  auto const got = client.get("a");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, error_kind::status);
  ASSERT_TRUE(got.error().refused);
  EXPECT_EQ(got.error().refused->status, 404U);
  EXPECT_EQ(got.error().refused->code, "key_not_found");
  EXPECT_EQ(got.error().refused->title, "There is no such key");
  EXPECT_EQ(got.error().refused->detail, "PUT one");
  ASSERT_TRUE(got.error().refused->timing);
  EXPECT_EQ(got.error().refused->timing->wait, 1ms);
  EXPECT_EQ(got.error().message, "There is no such key: PUT one");
  EXPECT_TRUE((*client).is_open());
}

TEST(connection, returns_a_refusal_without_a_problem_document) {
  scripted_server server(sound_answer("502 Bad Gateway", "Content-Type: text/html\r\n", "<html>"));
  caller client(server.url());
  auto const got = client.get("a");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, error_kind::status);
  EXPECT_EQ(got.error().refused->status, 502U);
  EXPECT_EQ(got.error().refused->code, "");
  EXPECT_EQ(got.error().message, "The server answered 502");
}

TEST(connection, survives_a_problem_document_that_is_none) {
  for (auto const* body : {"[1]", "{\"title\":3}", "{", ""}) {
    scripted_server server(sound_answer("500 X", "Content-Type: application/problem+json\r\n", body));
    caller client(server.url());
    auto const got = client.get("a");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().message, "The server answered 500") << body;
  }
}

TEST(connection, reports_refused_when_nobody_listens) {
  std::string url;
  {
    scripted_server gone(found);
    url = gone.url();
  }
  caller client(url);
  auto const got = client.get("a");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, error_kind::refused);
  EXPECT_THAT(got.error().message, HasSubstr("is holdfast-server running"));
  EXPECT_FALSE(client.connect());
}

TEST(connection, reports_an_unknown_host) {
  caller client("http://no-such-host.invalid:1");
  auto const got = client.get("a");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, error_kind::unresolved);
}

TEST(connection, never_sends_a_key_that_can_not_be_one) {
  scripted_server server(found);
  caller client(server.url());
  for (auto const& key : {std::string(), std::string("a\n"), std::string("\xff"), std::string(1025, 'a')}) {
    auto const got = client.get(key);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, error_kind::invalid_request);
  }
  EXPECT_EQ(server.requests().size(), 0U);
}

TEST(connection, times_out_on_a_server_that_stalls_and_connects_anew) {
  scripted_server server([](auto const& request) {
    return request.connection == 0 ? scripted_answer{.bytes = {}, .then = ending::stall}
                                   : scripted_answer{.bytes = found};
  });
  caller client(server.url(), 50ms);
  auto const late = client.get("a");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, error_kind::timeout);
  EXPECT_THAT(late.error().message, HasSubstr("within 50ms"));
  EXPECT_TRUE(client.get("a"));
}

TEST(connection, times_out_amid_an_answer) {
  scripted_server server(found.substr(0, found.size() - 1), ending::stall);
  caller client(server.url(), 50ms);
  auto const late = client.get("a");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, error_kind::timeout);
}

// The server closes a kept connection between two requests: nobody's fault, so nobody hears of it.
TEST(connection, reconnects_when_the_server_closed_an_idle_connection) {
  for (auto const end : {ending::close, ending::reset}) {
    scripted_server server([end](auto const& request) {
      return request.connection == 0 ? scripted_answer{.bytes = found, .then = end} : scripted_answer{.bytes = found};
    });
    caller client(server.url());
    ASSERT_TRUE(client.get("a"));
    auto const again = client.get("b");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(server.connections(), 2);
  }
}

// The close can also cross the second request on its way: that one is received, but never answered.
TEST(connection, sends_again_when_the_close_crosses_the_request) {
  for (auto const end : {ending::close, ending::reset}) {
    scripted_server server([end](auto const& request) {
      return request.connection == 0 && request.number == 1 ? scripted_answer{.bytes = {}, .then = end}
                                                            : scripted_answer{.bytes = found};
    });
    caller client(server.url());
    ASSERT_TRUE(client.get("a"));
    auto const again = client.get("b");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(server.requests().size(), 3U);
  }
}

TEST(connection, sends_once_only_when_the_connection_was_new) {
  scripted_server server("", ending::close);
  caller client(server.url());
  auto const got = client.get("a");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, error_kind::reset);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(connection, never_sends_again_once_a_byte_of_the_answer_came) {
  scripted_server server([](auto const& request) {
    return request.number == 0 ? scripted_answer{.bytes = found} : scripted_answer{.bytes = "H", .then = ending::close};
  });
  caller client(server.url());
  ASSERT_TRUE(client.get("a"));
  auto const got = client.get("b");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, error_kind::bad_answer);
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST(connection, takes_a_connection_with_unasked_bytes_for_closed) {
  auto const parting = sound_answer("408 Request Timeout", "Connection: close\r\n", "");
  scripted_server server([&](auto const& request) {
    return request.connection == 0 ? scripted_answer{.bytes = found + parting, .then = ending::close}
                                   : scripted_answer{.bytes = found};
  });
  caller client(server.url());
  // Whether the parting words come in one piece with the answer is the network's choice.
  auto const first = client.get("a");
  if (!first) {
    EXPECT_EQ(first.error().kind, error_kind::bad_answer);
  }
  auto const second = client.get("a");
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->value, "42");
}

TEST(connection, closes_when_the_answer_says_so) {
  scripted_server server(sound_answer("200 OK", "Content-Type: application/json\r\nConnection: close\r\n", "1"));
  caller client(server.url());
  ASSERT_TRUE(client.get("a"));
  EXPECT_FALSE((*client).is_open());
  ASSERT_TRUE(client.get("a"));
  EXPECT_EQ(server.connections(), 2);
}

TEST(connection, reads_an_early_refusal_of_a_large_value) {
  // Answers at the header, long before the value has been read.
  scripted_server server(sound_answer("413 Content Too Large", "Connection: close\r\n", ""), ending::stall);
  caller client(server.url());
  auto const put = client.put("a", '"' + std::string(100'000, 'x') + '"');
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().refused.value().status, 413U);
}

struct wrong_answer {
  char const* name;
  std::string bytes;
};

void PrintTo(wrong_answer const& answer, std::ostream* out) {
  *out << answer.name;
}

class wrong_answers : public testing::TestWithParam<wrong_answer> {};

TEST_P(wrong_answers, are_told_from_right_ones_and_end_the_connection) {
  scripted_server server(GetParam().bytes, ending::close);
  caller client(server.url());
  auto const got = client.get("a");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, error_kind::bad_answer) << got.error().message;
  EXPECT_THAT(got.error().message, StartsWith(server.url() + ": "));
  EXPECT_FALSE((*client).is_open());
}

INSTANTIATE_TEST_SUITE_P(
    connection, wrong_answers,
    testing::Values(wrong_answer{"cut_body", found.substr(0, found.size() - 1)},
                    wrong_answer{"cut_header", found.substr(0, 40)}, wrong_answer{"longer_than_it_says", found + "x"},
                    wrong_answer{"not_http", "220 mail.example.org ESMTP\r\n"},
                    wrong_answer{"not_json", sound_answer("200 OK", "Content-Type: application/json\r\n", "<html>")},
                    wrong_answer{"empty_value", sound_answer("200 OK", "Content-Type: application/json\r\n", "")},
                    wrong_answer{"another_type", sound_answer("200 OK", "Content-Type: text/html\r\n", "1")},
                    wrong_answer{"redirect", sound_answer("301 Moved", "Location: http://example.org\r\n", "")},
                    wrong_answer{"another_success",
                                 sound_answer("206 Partial Content", "Content-Type: application/json\r\n", "1")},
                    wrong_answer{"no_length", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n42"}),
    [](auto const& test) { return std::string(test.param.name); });

TEST(connection, shows_the_present_tag_of_a_condition_that_does_not_hold) {
  scripted_server server(sound_answer("412 Precondition Failed",
                                      "Content-Type: application/problem+json\r\nETag: \"a-9\"\r\n"
                                      "Holdfast-Revision: 12\r\n",
                                      R"({"title":"x","status":412,"code":"precondition_failed"})"));
  caller client(server.url());
  auto const put = client.run((*client).put("a", "1", {.if_match = "\"a-7\""}));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().refused->etag, "\"a-9\"");
  EXPECT_EQ(put.error().refused->revision, 12U);
}

TEST(connection, reads_revision_and_time_to_live_from_the_fields) {
  scripted_server server("HTTP/1.1 204 No Content\r\nHoldfast-Revision: 12\r\nHoldfast-TTL: 29.7\r\n\r\n");
  caller client(server.url());
  auto const touched = client.run((*client).touch("a", {.ttl = time_to_live::lasting(30s)}));
  ASSERT_TRUE(touched) << touched.error().message;
  EXPECT_EQ(touched->revision, 12U);
  EXPECT_EQ(touched->ttl_s, 29.7);
}

// Adding twice is not adding once: only what says that it is the same request may be sent again.
TEST(connection, sends_a_change_again_only_where_that_does_no_harm) {
  auto const closes_second = [](scripted_server::request const& asked) -> scripted_answer {
    if (asked.number == 0 && asked.connection == 0)
      return {sound_answer("200 OK", "Content-Type: application/json\r\n", "1")};
    if (asked.connection == 0) return {"", ending::close};
    return {sound_answer("200 OK", "Content-Type: application/json\r\n", "2")};
  };
  {
    scripted_server server(closes_second);
    caller client(server.url());
    ASSERT_TRUE(client.run((*client).add("n", {})));
    auto const second = client.run((*client).add("n", {}));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, error_kind::reset);
    EXPECT_EQ(server.requests().size(), 2U);
  }
  {
    scripted_server server(closes_second);
    caller client(server.url());
    ASSERT_TRUE(client.run((*client).add("n", {})));
    auto const second = client.run((*client).add("n", {}, {.idempotency_key = "k"}));
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(second->value, "2");
  }
  {
    scripted_server server(closes_second);
    caller client(server.url());
    ASSERT_TRUE(client.run((*client).add("n", {})));
    EXPECT_FALSE(client.run((*client).put("n", "1", {.if_match = "\"a-1\""}))) << "it may have changed the tag itself";
  }
}

TEST(connection, lists_removes_and_transacts) {
  scripted_server server([](scripted_server::request const& asked) -> scripted_answer {
    auto const json = [](char const* body) {
      return scripted_answer{sound_answer("200 OK", "Content-Type: application/json\r\n", body)};
    };
    if (asked.text.starts_with("GET /v1/kv?prefix=u/&after=a&limit=5&values=true&hold=1s "))
      return json(R"({"revision":3,"entries":[{"key":"u/a"}],"next":null})");
    if (asked.text.starts_with("DELETE /v1/kv?prefix=t/&limit=10 ")) return json(R"({"deleted":4,"revision":9})");
    if (asked.text.starts_with("POST /v1/txn ")) return json(R"({"revision":10,"results":[1.0]})");
    return {};
  });
  caller client(server.url());
  auto const page =
      client.run((*client).list({.prefix = "u/", .after = "a", .limit = 5, .values = true}, {.hold = 1s}));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->entries.at(0).key, "u/a");
  auto const removed = client.run((*client).remove("t/", 10));
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(removed->removed, 4U);
  auto const done = client.run((*client).transact(transaction().get("a")));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->results.at(0), "1.0");
}

content_source endless() {
  return []() -> awaitable<result<std::string>> { co_return std::string(64 * 1024, 'x'); };
}

TEST(connection, takes_a_refusal_of_an_import_before_it_has_sent_all) {
  auto const server = scripted_server::that_answers_early([](auto const&) -> scripted_answer {
    return {sound_answer("400 Bad Request", "Content-Type: application/problem+json\r\n",
                         R"({"title":"line 1","status":400,"code":"x"})"),
            ending::stall};
  });
  caller client(server->url());
  auto const imported = client.run((*client).import(endless(), if_exists::fail));
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().message, "line 1");
}

TEST(connection, does_not_finish_an_import_whose_source_fails) {
  scripted_server server(sound_answer("200 OK", "Content-Type: application/json\r\n", "{}"));
  caller client(server.url());
  content_source const failing = []() -> awaitable<result<std::string>> {
    error failed{error_kind::invalid_request, "the disk is gone", {}};
    co_return failed;
  };
  auto const imported = client.run((*client).import(failing, if_exists::replace));
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().message, "the disk is gone");
  EXPECT_EQ(server.requests().size(), 0U) << "the end of the content never came";
}

}  // namespace
}  // namespace holdfast::client
