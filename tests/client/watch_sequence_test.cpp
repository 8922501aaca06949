// A watch against servers that break off, restart and forget.
#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <random>

#include "client/watch/watch.hpp"
#include "tests/client/scripted_server.hpp"

namespace holdfast::client::watch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using tests::scripted_answer;
using tests::scripted_server;
using ending = scripted_answer::ending;
using request = scripted_server::request;

std::string const head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n";

std::string event(char const* kind, int revision, char const* database = "3f") {
  auto const number = std::to_string(revision);
  return std::string(R"({"event":")") + kind + R"(","id":")" + database + '-' + number + R"(","key":"k","revision":)" +
         number + R"(,"value":1.0})" + "\n";
}

char const* name_of(change_kind kind) {
  constexpr std::array names{"put", "delete", "expire", "live", "lost", "progress"};
  return names.at(static_cast<std::size_t>(kind));
}

/// The next `count` changes as `put 5`, or the error.
std::vector<std::string> changes_of(scripted_server const& server, std::size_t count, watch_settings settings = {}) {
  boost::asio::io_context context(1);
  settings.stream.server = parse_server_url(server.url()).value();
  std::vector<std::string> seen;
  auto const follow = [&]() -> awaitable<void> {
    watch changes(context.get_executor(), settings);
    while (seen.size() < count) {
      auto const one = co_await changes.next();
      if (!one) {
        seen.push_back(one.error().message);
        break;
      }
      seen.push_back(name_of(one->kind) + (one->revision == 0 ? "" : ' ' + std::to_string(one->revision)));
    }
  };
  boost::asio::co_spawn(context, follow(), [](std::exception_ptr const& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  context.run();
  return seen;
}

TEST(watch, goes_on_behind_the_last_change_and_shows_none_twice) {
  scripted_server server([](request const& asked) -> scripted_answer {
    if (asked.connection == 0) return {head + event("put", 5) + event("delete", 6), ending::reset};
    return {head + event("delete", 6) + event("expire", 7), ending::stall};
  });
  EXPECT_THAT(changes_of(server, 3), ElementsAre("put 5", "delete 6", "expire 7"));
  EXPECT_THAT(server.requests().at(0).text, Not(HasSubstr("Last-Event-ID")));
  EXPECT_THAT(server.requests().at(1).text, HasSubstr("\r\nLast-Event-ID: 3f-6\r\n"));
}

TEST(watch, goes_on_behind_a_sign_of_life_where_nothing_has_changed) {
  scripted_server server([](request const& asked) -> scripted_answer {
    if (asked.connection == 0) return {head + "{\"event\":\"progress\",\"id\":\"3f-40\"}\n", ending::close};
    return {head + event("put", 41), ending::stall};
  });
  EXPECT_THAT(changes_of(server, 1), ElementsAre("put 41"));
  EXPECT_THAT(server.requests().at(1).text, HasSubstr("\r\nLast-Event-ID: 3f-40\r\n"));
}

TEST(watch, reports_a_loss_where_it_broke_before_it_knew_where_it_was) {
  scripted_server server([](request const& asked) -> scripted_answer {
    if (asked.connection == 0) return {head, ending::close};
    return {head + event("put", 41), ending::stall};
  });
  EXPECT_THAT(changes_of(server, 2), ElementsAre("lost", "put 41"));
}

TEST(watch, reports_what_the_server_reports_as_lost_and_goes_on) {
  scripted_server server([](request const& asked) -> scripted_answer {
    if (asked.connection == 0) return {head + event("put", 5), ending::close};
    return {head + "{\"event\":\"lost\",\"id\":\"77-3\"}\n" + event("put", 4, "77"), ending::stall};
  });
  EXPECT_THAT(changes_of(server, 3), ElementsAre("put 5", "lost", "put 4")) << "revisions begin anew";
}

TEST(watch, notices_another_database_that_does_not_say_so) {
  scripted_server server([](request const& asked) -> scripted_answer {
    if (asked.connection == 0) return {head + event("put", 5), ending::close};
    return {head + event("put", 3, "77") + event("put", 4, "77"), ending::stall};
  });
  EXPECT_THAT(changes_of(server, 4), ElementsAre("put 5", "lost", "put 3", "put 4"));
}

TEST(watch, starts_again_with_what_there_is_where_that_was_broken_off) {
  scripted_server server([](request const& asked) -> scripted_answer {
    if (asked.connection == 0) return {head + event("put", 9) + event("put", 2), ending::close};
    if (asked.connection == 1)
      return {head + event("put", 9) + event("put", 2) + "{\"event\":\"live\",\"id\":\"3f-11\"}\n", ending::close};
    return {head + event("put", 12), ending::stall};
  });
  watch_settings settings;
  settings.initial = true;
  EXPECT_THAT(changes_of(server, 7, settings),
              ElementsAre("put 9", "put 2", "lost", "put 9", "put 2", "live", "put 12"));
  EXPECT_THAT(server.requests().at(1).text, HasSubstr("initial=true"));
  EXPECT_THAT(server.requests().at(1).text, Not(HasSubstr("Last-Event-ID")));
  EXPECT_THAT(server.requests().at(2).text, Not(HasSubstr("initial=true")));
  EXPECT_THAT(server.requests().at(2).text, HasSubstr("\r\nLast-Event-ID: 3f-11\r\n"));
}

TEST(watch, fetches_what_there_is_once_more_behind_a_loss) {
  scripted_server server([](request const& asked) -> scripted_answer {
    if (asked.connection == 0)
      return {head + "{\"event\":\"live\",\"id\":\"3f-1\"}\n" + "{\"event\":\"lost\",\"id\":\"3f-90\"}\n",
              ending::stall};
    return {head + event("put", 60) + "{\"event\":\"live\",\"id\":\"3f-91\"}\n", ending::stall};
  });
  watch_settings settings;
  settings.initial = true;
  EXPECT_THAT(changes_of(server, 4, settings), ElementsAre("live", "lost", "put 60", "live"));
}

TEST(watch, ends_where_the_first_connection_fails_or_the_server_refuses) {
  scripted_server refusing(tests::sound_answer("410 Gone", "Content-Type: application/problem+json\r\n",
                                               R"({"title":"Too old","status":410,"code":"history_compacted"})"),
                           ending::close);
  EXPECT_THAT(changes_of(refusing, 1), ElementsAre("Too old"));
  scripted_server silent("", ending::stall);
  watch_settings settings;
  settings.stream.timeout = std::chrono::milliseconds(50);
  EXPECT_THAT(changes_of(silent, 1, settings), ElementsAre(HasSubstr("nothing came within 50ms")));
}

TEST(watch, takes_a_server_that_gives_no_sign_of_life_for_gone) {
  scripted_server server([](request const& asked) -> scripted_answer {
    return {head + event("put", asked.connection + 1), ending::stall};
  });
  watch_settings settings;
  settings.stream.silence = std::chrono::milliseconds(50);
  EXPECT_THAT(changes_of(server, 2, settings), ElementsAre("put 1", "put 2"));
}

// The server breaks off at a random byte, again and again; what it sends goes on where it is asked to.
TEST(watch, sees_each_change_once_and_in_order_through_a_hundred_broken_connections) {
  constexpr int last = 400, breaks = 100;
  std::minstd_rand random(7);
  std::mutex mutex;
  scripted_server server([&](request const& asked) -> scripted_answer {
    auto const field = asked.text.find("Last-Event-ID: 3f-");
    auto next = field == std::string::npos ? 1 : std::stoi(asked.text.substr(field + 18)) + 1;
    std::string text = head;
    for (; next <= last; ++next) text += event("put", next);
    if (asked.connection >= breaks) return {text, ending::stall};
    std::lock_guard const guard(mutex);
    text.resize(head.size() + event("put", 1).size() + random() % 300);
    return {text, random() % 2 == 0 ? ending::reset : ending::close};
  });
  std::vector<std::string> expected;
  for (int i = 1; i <= last; ++i) expected.push_back("put " + std::to_string(i));
  EXPECT_EQ(changes_of(server, last), expected);
  EXPECT_GT(server.connections(), 50);
}

}  // namespace
}  // namespace holdfast::client::watch
