// A client that knows several servers of the same data, of which some are gone, do not lead or break off.
#include <gmock/gmock.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <functional>
#include <future>

#include "client/connection.hpp"
#include "client/watch/watch.hpp"
#include "tests/client/scripted_server.hpp"

namespace holdfast::client {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using tests::scripted_answer;
using tests::scripted_server;
using tests::sound_answer;
using ending = scripted_answer::ending;

std::string const found = sound_answer("200 OK", "Content-Type: application/json\r\nETag: \"a-7\"\r\n", "42");
std::string const stored = "HTTP/1.1 204 No Content\r\nETag: \"a-8\"\r\n\r\n";
std::string const ticket =
    sound_answer("201 Created", "Content-Type: application/json\r\n", R"({"id":"t","state":"held","token":5})");

std::string refusal(std::string const& status_line, std::string const& code) {
  return sound_answer(status_line, "Content-Type: application/problem+json\r\n",
                      R"({"title":"No","status":)" + status_line.substr(0, 3) + R"(,"code":")" + code + "\"}");
}
std::string const no_leader = refusal("503 Service Unavailable", "no_leader");

bool is_probe(scripted_server::request const& asked) {
  return asked.text.starts_with("GET /livez ");
}

/// Answers whoever asks whether it lives, and anything else like this.
scripted_server::script living(std::string bytes, ending then = ending::keep) {
  return [bytes = std::move(bytes), then](scripted_server::request const& asked) -> scripted_answer {
    if (is_probe(asked)) return {sound_answer("200 OK", "Content-Type: application/json\r\n", "{}")};
    return {bytes, then};
  };
}

/// How often it was asked for anything else.
std::ptrdiff_t requests_of(scripted_server const& server) {
  return std::ranges::count_if(server.requests(), [](auto const& asked) { return !is_probe(asked); });
}

/// A URL where nobody listens.
std::string nobody() {
  scripted_server gone(found);
  return gone.url();
}

endpoint servers(std::vector<std::string> const& urls) {
  auto first = parse_server_url(urls.front()).value();
  for (std::size_t i = 1; i < urls.size(); ++i) first.others.push_back(parse_server_url(urls[i]).value());
  return first;
}

/// A connection whose calls are awaited to their end.
class caller {
 public:
  explicit caller(std::vector<std::string> const& urls, std::optional<std::chrono::nanoseconds> timeout = {}) {
    connection_settings chosen;
    chosen.server = servers(urls);
    chosen.server.token = "secret";
    chosen.request_timeout = timeout;
    connection_.emplace(context_.get_executor(), chosen);
  }
  connection* operator->() { return &*connection_; }
  template <class T>
  T run(awaitable<T> call) {
    std::optional<T> outcome;
    boost::asio::co_spawn(context_, std::move(call), [&](std::exception_ptr thrown, T done) {
      if (thrown) std::rethrow_exception(thrown);
      outcome = std::move(done);
    });
    context_.restart();
    context_.run();
    return std::move(outcome.value());
  }

 private:
  boost::asio::io_context context_{1};
  std::optional<connection> connection_;
};

TEST(several_servers, are_asked_in_turn_when_one_is_not_there_and_the_one_that_answered_is_asked_first) {
  scripted_server second(found);
  caller client({nobody(), second.url()});
  EXPECT_TRUE(client.run(client->get("a")));
  EXPECT_TRUE(client.run(client->put("a", "1")));
  EXPECT_EQ(client->server().url(), second.url());
  auto const asked = second.requests();
  ASSERT_EQ(asked.size(), 2U);
  // The field is of the server that is asked, or it takes the request for a foreign page's.
  EXPECT_THAT(asked[0].text, HasSubstr("\r\nHost: " + second.url().substr(7) + "\r\n"));
  EXPECT_THAT(asked[0].text, HasSubstr("Authorization: Bearer secret\r\n"));
}

TEST(several_servers, do_any_request_where_one_says_that_it_does_not_lead_or_ends) {
  scripted_server standby(no_leader), ending_one(refusal("503 Service Unavailable", "draining")), leader(stored);
  caller client({standby.url(), ending_one.url(), leader.url()});
  EXPECT_TRUE(client.run(client->put("a", "1")));
  EXPECT_EQ(requests_of(standby), 1);
  EXPECT_EQ(requests_of(ending_one), 1);
  EXPECT_EQ(requests_of(leader), 1);
}

TEST(several_servers, are_not_asked_about_what_one_has_decided) {
  scripted_server first(refusal("503 Service Unavailable", "queue_full")), second(stored);
  caller client({first.url(), second.url()});
  auto const done = client.run(client->put("a", "1"));
  ASSERT_TRUE(done.has_error());
  EXPECT_EQ(done.error().refused->code, "queue_full");
  EXPECT_TRUE(second.requests().empty());
}

// The first may have done it, and somebody else something after that: done again, it would undo that.
TEST(several_servers, are_not_given_a_write_that_one_may_have_done) {
  scripted_server first(living("", ending::close)), second(stored);
  std::vector<std::function<result<answer>(caller&)>> const writes{
      [](caller& client) { return client.run(client->put("a", "1")); },
      [](caller& client) { return client.run(client->del("a")); },
      [](caller& client) { return client.run(client->touch("a", {.ttl = time_to_live::lasting(1s)})); },
      [](caller& client) { return client.run(client->add("a", {.by = 1})); },
      [](caller& client) { return client.run(client->patch("a", patch_kind::merge, "{}")); }};
  for (auto const& write : writes) {
    caller client({first.url(), second.url()});
    auto const done = write(client);
    ASSERT_TRUE(done.has_error());
    EXPECT_EQ(done.error().kind, error_kind::reset);
    EXPECT_THAT(done.error().message, HasSubstr("whether it was done is not known"));
  }
  EXPECT_TRUE(second.requests().empty());
}

TEST(several_servers, are_given_again_what_may_be_done_twice) {
  scripted_server first("", ending::close), second([](scripted_server::request const& asked) -> scripted_answer {
    if (asked.text.starts_with("GET")) return {found};
    return {asked.text.find("/v1/locks/") == std::string::npos ? stored : ticket};
  });
  std::vector<std::function<bool(caller&)>> const requests{
      [](caller& client) { return client.run(client->get("a")).has_value(); },
      [](caller& client) { return client.run(client->put("a", "1", {.if_match = "\"a-7\""})).has_value(); },
      [](caller& client) { return client.run(client->put("a", "1", {.idempotency_key = "k"})).has_value(); },
      [](caller& client) { return client.run(client->ask_for_lock({.lock = "l", .id = "t"})).has_value(); },
      [](caller& client) { return client.run(client->keep_ticket("l", "t")).has_value(); }};
  for (auto const& request : requests) {
    caller client({first.url(), second.url()});
    EXPECT_TRUE(request(client));
  }
  EXPECT_EQ(second.requests().size(), requests.size());
}

TEST(several_servers, make_no_second_ticket_for_who_has_named_none) {
  scripted_server first(living("", ending::close)), second(ticket);
  caller client({first.url(), second.url()});
  EXPECT_TRUE(client.run(client->ask_for_lock({.lock = "l"})).has_error());
  EXPECT_TRUE(second.requests().empty());
}

// The condition may not hold because the first has done it: "somebody else was faster" would be wrong.
TEST(several_servers, leave_it_open_whether_a_conditional_write_was_done_that_fails_the_second_time) {
  scripted_server first("", ending::close), second(refusal("412 Precondition Failed", "precondition_failed"));
  caller client({first.url(), second.url()});
  auto const done = client.run(client->put("a", "1", {.if_match = "\"a-7\""}));
  ASSERT_TRUE(done.has_error());
  EXPECT_EQ(done.error().kind, error_kind::reset);
  EXPECT_THAT(done.error().message, HasSubstr("whether it was done is not known"));
  EXPECT_EQ(second.requests().size(), 1U);
}

TEST(several_servers, get_each_the_whole_timeout) {
  scripted_server silent("", ending::stall), second(found);
  caller client({silent.url(), second.url()}, 200ms);
  EXPECT_TRUE(client.run(client->get("a")));
}

// `holdfast get` and `put` waited without end for a first server that was stopped, though two others were well.
TEST(several_servers, are_asked_in_turn_when_one_is_silent) {
  scripted_server silent("", ending::stall), second([](scripted_server::request const& asked) -> scripted_answer {
    return {asked.text.starts_with("PUT") ? stored : found};
  });
  caller reader({silent.url(), second.url()});
  EXPECT_TRUE(reader.run(reader->get("a")));
  auto const asked_so_far = requests_of(silent);
  // A write is not even sent, or nobody else could be asked.
  caller writer({silent.url(), second.url()});
  EXPECT_TRUE(writer.run(writer->put("a", "1")));
  EXPECT_EQ(requests_of(silent), asked_so_far);
}

TEST(several_servers, are_waited_for_while_they_live) {
  std::promise<void> was_asked;
  scripted_server slow([&](scripted_server::request const& asked) -> scripted_answer {
    if (is_probe(asked)) {
      was_asked.set_value();
      return {no_leader};
    }
    was_asked.get_future().wait();
    return {found};
  });
  scripted_server second(found);
  caller client({slow.url(), second.url()});
  EXPECT_TRUE(client.run(client->get("a")));
  EXPECT_TRUE(second.requests().empty());
}

TEST(several_servers, are_all_named_when_none_answers) {
  auto const first = nobody(), second = nobody();
  caller client({first, second});
  auto const done = client.run(client->get("a"));
  ASSERT_TRUE(done.has_error());
  EXPECT_EQ(done.error().kind, error_kind::refused);
  EXPECT_THAT(done.error().message, AllOf(HasSubstr(first), HasSubstr(second)));
  auto const connected = client.run(client->connect());
  ASSERT_TRUE(connected.has_error());
  EXPECT_THAT(connected.error().message, AllOf(HasSubstr(first), HasSubstr(second)));
}

TEST(several_servers, are_not_given_what_is_left_of_an_import) {
  scripted_server first(living("", ending::close)), second(stored);
  caller client({first.url(), second.url()});
  int pieces = 0;
  content_source const lines = [&pieces]() -> awaitable<result<std::string>> {
    std::string const piece = pieces++ == 0 ? "{\"key\":\"a\",\"value\":1}\n" : "";
    co_return piece;
  };
  EXPECT_TRUE(client.run(client->import(lines, if_exists::replace)).has_error());
  EXPECT_TRUE(second.requests().empty());
}

std::string const stream_head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n";
std::string put_event(int revision) {
  auto const number = std::to_string(revision);
  return R"({"event":"put","id":"3f-)" + number + R"(","key":"k","revision":)" + number + R"(,"value":1})" + "\n";
}

/// The revisions of the next changes; 0 for what is none.
std::vector<std::uint64_t> revisions_of(watch::watch_settings settings, std::size_t count) {
  boost::asio::io_context context(1);
  std::vector<std::uint64_t> seen;
  auto const follow = [&]() -> awaitable<void> {
    watch::watch changes(context.get_executor(), settings);
    while (seen.size() < count) {
      auto const one = co_await changes.next();
      if (!one) break;
      seen.push_back(one->kind == watch::change_kind::put ? one->revision : 0);
    }
  };
  boost::asio::co_spawn(context, follow(), [](std::exception_ptr const& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  context.run();
  return seen;
}

TEST(several_servers, a_watch_goes_on_at_another_behind_its_last_change) {
  scripted_server standby(no_leader, ending::close), second(stream_head + put_event(7), ending::stall);
  auto dying = std::make_unique<scripted_server>([&](scripted_server::request const& asked) -> scripted_answer {
    if (asked.connection == 0) return {stream_head + put_event(5) + put_event(6), ending::close};
    return {"", ending::close};
  });
  watch::watch_settings settings;
  settings.stream.server = servers({standby.url(), dying->url(), second.url()});
  EXPECT_THAT(revisions_of(settings, 3), testing::ElementsAre(5, 6, 7));
  ASSERT_EQ(second.requests().size(), 1U);
  EXPECT_THAT(second.requests()[0].text, HasSubstr("Last-Event-ID: 3f-6\r\n"));
}

TEST(several_servers, a_watch_leaves_one_that_has_fallen_silent) {
  scripted_server silent(stream_head + put_event(5), ending::stall), second(stream_head + put_event(6), ending::stall);
  watch::watch_settings settings;
  settings.stream.server = servers({silent.url(), second.url()});
  settings.stream.silence = 100ms;
  EXPECT_THAT(revisions_of(settings, 2), testing::ElementsAre(5, 6));
  EXPECT_EQ(silent.connections(), 1);
}

// `holdfast watch --timeout 2s` asked the first of two twice, and the second never.
TEST(several_servers, a_watch_goes_on_at_the_next_when_one_does_not_begin_to_answer_in_time) {
  scripted_server silent("", ending::stall), second(stream_head + put_event(6), ending::stall);
  watch::watch_settings settings;
  settings.stream.server = servers({silent.url(), second.url()});
  settings.stream.timeout = 200ms;
  EXPECT_THAT(revisions_of(settings, 1), testing::ElementsAre(6));
  EXPECT_EQ(silent.connections(), 1);
}

// Streams waited 30 s for a first server that was stopped, other requests some seconds.
TEST(several_servers, a_watch_leaves_one_that_does_not_even_say_that_it_lives) {
  std::promise<void> was_asked;
  scripted_server silent([&](scripted_server::request const& asked) -> scripted_answer {
    if (is_probe(asked)) was_asked.set_value();
    return {"", ending::stall};
  });
  scripted_server second(stream_head + put_event(6), ending::stall);
  watch::watch_settings settings;
  settings.stream.server = servers({silent.url(), second.url()});
  EXPECT_THAT(revisions_of(settings, 1), testing::ElementsAre(6));
  EXPECT_EQ(was_asked.get_future().wait_for(0s), std::future_status::ready);
}

TEST(several_servers, a_watch_waits_for_one_that_lives) {
  std::promise<void> was_asked;
  scripted_server slow([&](scripted_server::request const& asked) -> scripted_answer {
    if (is_probe(asked)) {
      was_asked.set_value();
      return {no_leader};
    }
    was_asked.get_future().wait();
    return {stream_head + put_event(5), ending::stall};
  });
  scripted_server second(stream_head + put_event(6), ending::stall);
  watch::watch_settings settings;
  settings.stream.server = servers({slow.url(), second.url()});
  EXPECT_THAT(revisions_of(settings, 1), testing::ElementsAre(5));
  EXPECT_TRUE(second.requests().empty());
}

}  // namespace
}  // namespace holdfast::client
