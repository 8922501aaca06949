#include "server/net/outbox.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

namespace holdfast::server {
namespace {

using namespace std::literals;

/// A connection whose peer is in this process.
class client final : private connection::owner {
 public:
  explicit client(event_loop& loop) : client(make_pair(), loop) {}
  ~client() { ::close(peer_); }
  client(client const&) = delete;
  client& operator=(client const&) = delete;

  /// Received data, without waiting.
  std::string received() {
    std::string all;
    std::array<char, 64 * 1024> some;
    for (ssize_t got = 0; (got = ::recv(peer_, some.data(), some.size(), MSG_DONTWAIT)) > 0;)
      all.append(some.data(), static_cast<std::size_t>(got));
    return all;
  }

  connection ours;
  std::string unsent;
  bool throws = false;

 private:
  static std::array<int, 2> make_pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    return ends;
  }
  client(std::array<int, 2> ends, event_loop& loop) : ours(unique_socket(ends[0]), *this, loop, 10s), peer_(ends[1]) {}

  void on_bytes() override {}
  void on_idle_timeout() override {}
  void on_resume() override {}
  void on_unsent(std::string_view bytes) override {
    unsent = bytes;
    if (throws) throw std::runtime_error("no memory for " + std::to_string(bytes.size()) + " bytes");
  }

  int peer_;
};

struct outbox_test : testing::Test {
  void append(std::string_view answer) {
    auto& buffer = box.open(1);
    buffer.append(answer);
  }
  void answer(client& to, std::string_view text) {
    append(text);
    box.post(to.ours);
  }

  event_loop loop;
  outbox box;
  client ann{loop}, bob{loop}, cid{loop};
};

TEST_F(outbox_test, sends_to_each_what_is_its_own) {
  answer(ann, "one");
  answer(bob, "two");
  answer(cid, "three");
  EXPECT_EQ(ann.received() + bob.received() + cid.received(), "") << "nothing before all are served";
  box.send_all();
  EXPECT_EQ(ann.received(), "one");
  EXPECT_EQ(bob.received(), "two");
  EXPECT_EQ(cid.received(), "three");
  box.send_all();
  answer(bob, "four");
  box.send_all();
  EXPECT_EQ(ann.received(), "") << "and nothing twice";
  EXPECT_EQ(bob.received(), "four");
}

TEST_F(outbox_test, what_a_connection_leaves_when_it_fails_reaches_nobody) {
  answer(ann, "one");
  append("half an answer, and then there was no mem");
  answer(bob, "two");
  append("another half");
  box.send_all();
  answer(cid, "three");
  box.send_all();
  EXPECT_EQ(ann.received(), "one");
  EXPECT_EQ(bob.received(), "two");
  EXPECT_EQ(cid.received(), "three");
}

TEST_F(outbox_test, who_sends_at_once_leaves_the_posted_answers_alone) {
  answer(ann, "one");
  append("two");
  EXPECT_EQ(box.appended(), "two");
  EXPECT_EQ(bob.ours.send_some(box.appended()), 3U);
  box.send_all();
  EXPECT_EQ(ann.received(), "one");
  EXPECT_EQ(bob.received(), "two") << "once";
}

TEST_F(outbox_test, is_full_when_what_was_read_and_answered_is_enough_work) {
  answer(ann, std::string(outbox::work_bytes_max - 2, 'a'));
  EXPECT_FALSE(box.is_full());
  answer(bob, "");
  EXPECT_TRUE(box.is_full());
  box.send_all();
  EXPECT_FALSE(box.is_full());
}

TEST_F(outbox_test, sends_first_where_much_is_to_be_served) {
  answer(ann, "one");
  (void)box.open(outbox::work_bytes_max);
  EXPECT_EQ(ann.received(), "one");
}

TEST_F(outbox_test, leaves_to_the_owner_what_a_slow_peer_does_not_take) {
  std::string large(4 * 1024 * 1024, 'x');
  large.back() = '!';
  answer(ann, large);
  answer(bob, "two");
  box.send_all();
  EXPECT_EQ(bob.received(), "two") << "a slow reader must not keep others waiting";
  EXPECT_FALSE(ann.unsent.empty());
  EXPECT_EQ(ann.received() + ann.unsent, large);
}

TEST_F(outbox_test, an_owner_that_throws_keeps_nobody_else_from_its_answer) {
  ann.throws = cid.throws = true;
  auto const large = std::string(4 * 1024 * 1024, 'x');
  answer(ann, large);
  EXPECT_THROW(box.send_all(), std::runtime_error);
  answer(ann, "a peer that takes no more");
  answer(bob, "two");
  answer(ann, "nor now");
  answer(cid, "three");
  EXPECT_THROW(box.send_all(), std::runtime_error);
  EXPECT_EQ(bob.received(), "two");
  EXPECT_EQ(cid.received(), "three");
  EXPECT_EQ(ann.unsent, "nor now");
  box.send_all();
  EXPECT_EQ(bob.received() + cid.received(), "") << "and nobody gets it twice";
}

}  // namespace
}  // namespace holdfast::server
