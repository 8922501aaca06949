// Sessions on loops run by hand, so that events that are ready together are handled together.
#include "server/http/session.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <iterator>
#include <memory>
#include <string>

#include "server/api/api_handler.hpp"
#include "server/app/settings.hpp"

namespace holdfast::server {
namespace {

using namespace std::literals;

constexpr auto livez = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"sv;

/// A session and its client.
class pair_of_ends {
 public:
  pair_of_ends(session::owner& owner, session_context& thread) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    client_ = unique_socket(ends[1]);
    served = std::make_unique<session>(unique_socket(ends[0]), owner, thread);
    served->start();
  }

  void say(std::string_view text) const {
    EXPECT_EQ(::send(client_.get(), text.data(), text.size(), 0), std::ssize(text));
  }

  /// What has arrived since the last call, without waiting.
  [[nodiscard]] std::string text() const {
    std::string all(1024 * 1024, ' ');
    auto const got = ::recv(client_.get(), all.data(), all.size(), MSG_DONTWAIT);
    all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return all;
  }

  /// The number of answers with status 200 in it.
  [[nodiscard]] int answers() const {
    auto const all = text();
    int count = 0;
    for (std::size_t at = 0; (at = all.find("HTTP/1.1 200 OK\r\n", at)) != std::string::npos; ++at) ++count;
    return count;
  }

  std::unique_ptr<session> served;

 private:
  unique_socket client_;
};

struct session_test : testing::Test, private session::owner {
  void on_session_end(session& one) override {
    for (auto* end : {&ann, &bob})
      if (end->served.get() == &one) end->served.reset();
  }

  void TearDown() override {
    for (auto const* one : {&ann, &bob})
      if (one->served) one->served->abort();
    loop.poll();
    EXPECT_FALSE(ann.served || bob.served);
  }

  void serve(pair_of_ends& one, unique_socket socket) {
    one.served = std::make_unique<session>(std::move(socket), static_cast<session::owner&>(*this), thread);
    one.served->start();
  }

  /// Handles ready events like a worker, without sending the answers gathered in that turn.
  void tell_batch() { loop.run_one_turn(); }

  settings its_settings;
  fixed_settings fixed;
  store data{16, 1'000'000, 0x3f};
  server::insight insight{1, 42};
  live_settings live{true, {}, {}};
  byte_budget under_way{1'000'000}, buffers{500'000, &under_way};
  std::atomic<std::size_t> connections{2};
  std::atomic<bool> draining{false};
  api_context context{its_settings.routes, fixed, data, insight, live, under_way, connections, draining, 1'000'000, 42};
  event_loop loop;  // does nothing at a batch's end, so that the test sees what was sent within it
  watch_hub hub{loop, data.history()};
  durable_progress progress;
  session_context thread{loop, its_settings.sessions, under_way, buffers, draining, progress, [this] {
                           return make_api_handler(context, *insight.recorders[0], hub);
                         }};
  pair_of_ends ann{*this, thread}, bob{*this, thread};
};

TEST_F(session_test, leaves_its_answers_to_the_end_of_the_batch) {
  ann.say(livez);
  bob.say(livez);
  tell_batch();
  EXPECT_EQ(ann.answers() + bob.answers(), 0);
  thread.outbox.send_all();
  EXPECT_EQ(ann.answers(), 1);
  EXPECT_EQ(bob.answers(), 1);
}

TEST_F(session_test, answers_at_once_where_much_has_been_served) {
  ann.say(livez);
  std::string many;
  while (many.size() < outbox::work_bytes_max / 2) many += livez;
  bob.say(many);
  tell_batch();
  EXPECT_EQ(ann.answers(), 1);
  EXPECT_EQ(bob.answers(), std::ssize(many) / std::ssize(livez));
}

// Its next step may be a long one: a body of a megabyte is checked in one step.
TEST_F(session_test, a_request_that_must_wait_lets_the_others_answers_out) {
  ann.say(livez);
  bob.say(livez.substr(0, 20));
  tell_batch();
  EXPECT_EQ(ann.answers(), 1);
}

TEST_F(session_test, a_request_that_goes_on_lets_the_others_answers_out) {
  bob.say(livez.substr(0, 20));
  tell_batch();
  tell_batch();  // with nothing ready, so that epoll does not report bob first next time
  ann.say(livez);
  bob.say(livez.substr(20));
  tell_batch();
  EXPECT_EQ(ann.answers(), 1);
  loop.poll();
  EXPECT_EQ(bob.answers(), 1);
}

TEST_F(session_test, answers_before_a_partial_request_are_sent_before_it_is_whole) {
  bob.say(std::string(livez) + std::string(livez.substr(0, 20)));
  tell_batch();
  EXPECT_EQ(bob.answers(), 1);
}

// A drain told the session to wait for its coroutine, which had already ended, so the connection stayed idle until the
// drain time-out.
TEST_F(session_test, ends_when_a_drain_crosses_the_end_of_its_work) {
  bob.say(std::string(livez) + "\r\n");  // the empty line requires a coroutine, which ends in its first step
  tell_batch();
  EXPECT_EQ(bob.answers(), 1);
  draining = true;
  bob.served->drain();
  loop.set_time(std::chrono::steady_clock::now() + std::chrono::seconds(1));
  loop.poll();
  EXPECT_EQ(bob.served, nullptr);
}

// A drain closed each connection between two requests, so a client that sends one request after another lost the one in
// transit.
TEST_F(session_test, answers_a_request_that_crosses_a_drain_and_then_ends) {
  bob.say(livez);
  tell_batch();
  thread.outbox.send_all();
  EXPECT_EQ(bob.answers(), 1);
  draining = true;
  bob.served->drain();
  loop.poll();
  ASSERT_NE(bob.served, nullptr);
  bob.say(livez);
  tell_batch();
  thread.outbox.send_all();
  loop.poll();
  EXPECT_EQ(bob.answers(), 1);
  loop.set_time(std::chrono::steady_clock::now() + std::chrono::seconds(1));
  loop.poll();
  EXPECT_EQ(bob.served, nullptr);
}

// A standby that became the leader reset connections that had just been made, with the requests on them.
TEST_F(session_test, answers_the_first_request_of_a_new_client_that_crosses_a_drain) {
  draining = true;
  bob.served->drain();
  ann.served->drain();
  loop.poll();
  bob.say(livez);
  tell_batch();
  thread.outbox.send_all();
  loop.poll();
  EXPECT_EQ(bob.answers(), 1);
  loop.set_time(std::chrono::steady_clock::now() + std::chrono::seconds(1));
  loop.poll();
  EXPECT_EQ(bob.served, nullptr);
  EXPECT_EQ(ann.served, nullptr);
}

// As above: the drain time ended in the same turn of the loop.
TEST_F(session_test, answers_a_request_that_has_arrived_when_the_time_is_over) {
  draining = true;
  ann.served->drain();
  ann.say(livez);
  loop.set_time(std::chrono::steady_clock::now() + std::chrono::seconds(1));
  ann.served->hurry();
  bob.served->hurry();
  EXPECT_EQ(bob.served, nullptr);
  loop.poll();
  EXPECT_EQ(ann.answers(), 1);
}

// As above, after an answer that did not announce the end.
TEST_F(session_test, answers_a_request_that_follows_one_that_a_drain_has_crossed) {
  bob.say(std::string(livez) + "\r\n");  // see above
  tell_batch();
  draining = true;
  bob.served->drain();
  loop.poll();
  ASSERT_NE(bob.served, nullptr);
  bob.say(livez);
  tell_batch();
  thread.outbox.send_all();
  loop.poll();
  EXPECT_EQ(bob.answers(), 2);
}

// A standby that became the leader ended the connections of its clients, which could have sent a request meanwhile.
TEST_F(session_test, hands_connections_at_rest_over_with_what_has_arrived) {
  ann.say(livez);
  tell_batch();
  thread.outbox.send_all();
  EXPECT_EQ(ann.answers(), 1);
  ann.say(livez);
  bob.say(livez.substr(0, 20));
  tell_batch();
  thread.outbox.send_all();
  EXPECT_EQ(ann.answers(), 1);
  ann.say(livez);
  draining = true;
  thread.hands_over = true;
  ann.served->drain();
  bob.served->drain();
  EXPECT_EQ(ann.served, nullptr);
  ASSERT_EQ(thread.handed_over.size(), 1U);
  ASSERT_NE(bob.served, nullptr);  // in the middle of a request, which is its last
  bob.say(livez.substr(20));
  loop.poll();
  EXPECT_EQ(bob.answers(), 1);

  draining = false;
  thread.hands_over = false;
  serve(ann, std::move(thread.handed_over.front()));
  tell_batch();
  thread.outbox.send_all();
  EXPECT_EQ(ann.answers(), 1);
}

// --- memory --------------------------------------------------------------------------------------------------------

/// Requests that fit into the kernel's buffers, unlike their answers.
std::string many_requests() {
  std::string many;
  while (many.size() < session_context::input_bytes) many += livez;
  return many;
}

// Clients that did not read their answers took 130 KiB each, which nobody counted, until the kernel killed the server.
TEST_F(session_test, counts_what_it_keeps_for_a_client_that_does_not_read) {
  bob.say(many_requests());
  loop.poll();
  EXPECT_GE(under_way.used(), 64U * 1024);
  for (int i = 0; i < 100 && under_way.used() != 0; ++i) {
    static_cast<void>(bob.text());
    loop.poll();
  }
  EXPECT_EQ(under_way.used(), 0U);
  EXPECT_NE(bob.served, nullptr);
}

TEST_F(session_test, ends_for_a_client_that_does_not_read_where_no_memory_is_left) {
  auto const others = under_way.bytes_max() - 10'000;
  ASSERT_TRUE(under_way.take(others));
  bob.say(many_requests());
  loop.poll();
  EXPECT_EQ(bob.served, nullptr);
  EXPECT_EQ(under_way.used(), others);
}

TEST_F(session_test, refuses_a_header_in_pieces_where_no_memory_is_left) {
  ASSERT_TRUE(under_way.take(under_way.bytes_max()));
  bob.say(livez.substr(0, 20));
  loop.poll();
  EXPECT_TRUE(bob.text().starts_with("HTTP/1.1 503 "));
  ann.say(livez);
  loop.poll();
  thread.outbox.send_all();
  EXPECT_EQ(ann.answers(), 1) << "one that is answered at once needs none";
}

}  // namespace
}  // namespace holdfast::server
