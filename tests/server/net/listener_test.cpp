#include "server/net/listener.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/sanitized.hpp"
#include "tests/support/virtual_time.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;

tcp::endpoint const any_port(boost::asio::ip::address_v4::loopback(), 0);

/// A peer with a blocking socket, after connecting.
class peer {
 public:
  explicit peer(tcp::endpoint const& to) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    error_ = ::connect(socket_.get(), to.data(), static_cast<socklen_t>(to.size())) == 0 ? 0 : errno;
  }

  [[nodiscard]] int connect_error() const noexcept { return error_; }
  [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }
  void say(std::string_view text) const {
    EXPECT_EQ(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
  }

  /// Reads to the end of the stream, for as long as it takes. @return the text, and the error that ended it.
  [[nodiscard]] std::string read_all() const {
    std::string all;
    std::array<char, 1024> some;
    for (;;) {
      auto const got = ::recv(socket_.get(), some.data(), some.size(), 0);
      if (got == 0) return all + "<end>";
      if (got < 0) return all + (errno == ECONNRESET ? "<reset>" : "<error>");
      all.append(some.data(), static_cast<std::size_t>(got));
    }
  }

  /// True if the other side has ended its stream.
  [[nodiscard]] bool has_ended() const { return look() != 0; }

  /// True if the other side has closed its socket with unread data, and not only its own direction.
  [[nodiscard]] bool is_cut_off() const { return (look() & (POLLHUP | POLLERR)) != 0; }

 private:
  [[nodiscard]] int look() const {
    pollfd one{.fd = socket_.get(), .events = POLLRDHUP, .revents = 0};
    ::poll(&one, 1, 0);
    return one.revents;
  }

  unique_socket socket_;
  int error_ = 0;
};

std::vector<int> open_descriptors() {
  std::vector<int> all;
  auto* const folder = ::opendir("/proc/self/fd");
  while (auto const* const one = ::readdir(folder))
    if (one->d_name[0] != '.') all.push_back(std::stoi(one->d_name));
  ::closedir(folder);
  return all;
}

/// During its lifetime, this process may open this number of further descriptors.
class few_descriptors {
 public:
  explicit few_descriptors(int more) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    auto low = before_;
    auto const open = open_descriptors();
    low.rlim_cur = static_cast<rlim_t>(*std::max_element(open.begin(), open.end())) + static_cast<rlim_t>(more) + 1;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    // Including gaps between the open ones.
    for (int one = 0; (one = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) filling_.push_back(one);
    EXPECT_EQ(errno, EMFILE);
    for (; more > 0; --more) close_one();
  }
  ~few_descriptors() {
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0);
    while (!filling_.empty()) close_one();
  }
  few_descriptors(few_descriptors const&) = delete;
  few_descriptors& operator=(few_descriptors const&) = delete;

 private:
  void close_one() {
    ::close(filling_.back());
    filling_.pop_back();
  }

  rlimit before_{};
  std::vector<int> filling_;
};

struct listener_test : testing::Test {
  /// Runs the loop until this number has been requested.
  void run_until_asked(std::size_t often) {
    while (asked < often) time.loop.run_one_turn();
  }

  std::unique_ptr<listener> make(std::string refusal = "go away") {
    return std::make_unique<listener>(
        time.loop, listen_at(any_port),
        [this](unique_socket& socket) {
          ++asked;
          if (then) then();
          if (!admits) return false;
          admitted.push_back(std::move(socket));
          return true;
        },
        std::move(refusal));
  }

  tests::virtual_time time;
  bool admits = true;
  std::size_t asked = 0;
  std::function<void()> then;
  std::vector<unique_socket> admitted;
};

TEST(text_of_an_endpoint, puts_brackets_around_what_has_colons) {
  EXPECT_EQ(text_of("127.0.0.1", 8080), "127.0.0.1:8080");
  EXPECT_EQ(text_of("::1", 8080), "[::1]:8080");
  EXPECT_EQ(text_of("localhost", 1), "localhost:1");
}

TEST_F(listener_test, tells_which_port_it_has_got) {
  auto const one = make(), other = make();
  EXPECT_NE(one->endpoint().port(), 0);
  EXPECT_NE(one->endpoint().port(), other->endpoint().port());
  EXPECT_EQ(one->endpoint().address(), any_port.address());
}

TEST_F(listener_test, says_so_where_the_address_is_taken) {
  auto const one = make();
  EXPECT_THROW(static_cast<void>(listen_at(one->endpoint())), boost::system::system_error);
}

TEST_F(listener_test, connections_queue_up_before_it_starts) {
  auto const one = make();
  peer const early(one->endpoint());
  EXPECT_EQ(early.connect_error(), 0);
  time.loop.poll();
  EXPECT_EQ(asked, 0U);
  one->start();
  one->start();
  run_until_asked(1);
  EXPECT_EQ(admitted.size(), 1U);
}

// They were reset, with the requests that the clients had sent already.
TEST_F(listener_test, accepts_connections_in_the_queue_before_it_closes) {
  auto const one = make();
  one->start();
  std::vector<std::unique_ptr<peer>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(std::make_unique<peer>(one->endpoint()));
  one->accept_rest();
  one->close();
  EXPECT_EQ(admitted.size(), 100U);
  one->accept_rest();
  EXPECT_EQ(asked, 100U);
}

TEST_F(listener_test, hands_over_a_connection_that_blocks_nobody) {
  auto const one = make();
  one->start();
  peer const client(one->endpoint());
  run_until_asked(1);
  auto const served = admitted.at(0).get();
  EXPECT_NE(::fcntl(served, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(served, F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_EQ(::send(served, "hello", 5, 0), 5);
  admitted.clear();
  EXPECT_EQ(client.read_all(), "hello<end>");
}

TEST_F(listener_test, accepts_many_in_one_turn_and_not_all) {
  auto const one = make();
  one->start();
  std::vector<std::unique_ptr<peer>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(std::make_unique<peer>(one->endpoint()));
  while (asked == 0) time.loop.run_one_turn();
  EXPECT_GT(asked, 1U);
  EXPECT_LE(asked, 64U) << "others have their turn";
  run_until_asked(100);
}

// --- refused -------------------------------------------------------------------------------------------------------

TEST_F(listener_test, tells_why_to_whom_it_does_not_admit) {
  admits = false;
  auto const one = make("too many");
  one->start();
  peer const client(one->endpoint());
  client.say("GET / HTTP/1.1\r\n\r\n");  // which is never read
  run_until_asked(1);
  EXPECT_EQ(client.read_all(), "too many<end>");
  admits = true;
  peer const next(one->endpoint());
  run_until_asked(2);
  EXPECT_EQ(admitted.size(), 1U);
}

// Closed with an unread request, the socket would be reset, and the answer might be lost.
TEST_F(listener_test, keeps_a_refused_connection_for_a_second_so_that_the_answer_arrives) {
  admits = false;
  auto const one = make();
  one->start();
  peer const client(one->endpoint());
  client.say("a request");
  run_until_asked(1);
  time.run(999ms);
  EXPECT_FALSE(client.is_cut_off());
  EXPECT_EQ(client.read_all(), "go away<end>");
  time.run(1ms);
  EXPECT_TRUE(client.is_cut_off());
  peer const another(one->endpoint());
  another.say("a request");
  run_until_asked(2);
  time.run(999ms);
  EXPECT_FALSE(another.is_cut_off()) << "its second is its own";
  time.run(1ms);
  EXPECT_TRUE(another.is_cut_off());
}

TEST_F(listener_test, keeps_few_refused_connections_however_many_there_are) {
  admits = false;
  auto const before = std::ssize(open_descriptors());
  auto const one = make();
  one->start();
  std::vector<std::unique_ptr<peer>> clients;
  for (int i = 0; i < 3 * listener::descriptors_max; ++i) clients.push_back(std::make_unique<peer>(one->endpoint()));
  run_until_asked(clients.size());
  EXPECT_LE(std::ssize(open_descriptors()) - before, std::ssize(clients) + listener::descriptors_max);
  for (auto const& client : clients) EXPECT_EQ(client->read_all(), "go away<end>");
  time.run(1s);
  EXPECT_LE(std::ssize(open_descriptors()) - before, std::ssize(clients) + 2) << "its socket, and the one in reserve";
}

// --- closed --------------------------------------------------------------------------------------------------------

TEST_F(listener_test, nobody_can_connect_when_it_is_closed) {
  auto const one = make();
  one->start();
  one->close();
  one->close();
  EXPECT_EQ(peer(one->endpoint()).connect_error(), ECONNREFUSED);
  one->start();
  time.loop.poll();
  EXPECT_EQ(asked, 0U);
}

TEST_F(listener_test, may_be_closed_before_it_starts) {
  auto const one = make();
  one->close();
  EXPECT_EQ(peer(one->endpoint()).connect_error(), ECONNREFUSED);
}

TEST_F(listener_test, who_waits_in_its_backlog_is_reset_when_it_is_closed) {
  auto const one = make();
  peer const client(one->endpoint());
  one->close();
  EXPECT_EQ(client.read_all(), "<reset>");
}

TEST_F(listener_test, accepts_no_more_when_it_is_closed_by_who_admits) {
  auto one = make();
  one->start();
  peer const first(one->endpoint()), second(one->endpoint());
  then = [&] { one->close(); };
  run_until_asked(1);
  time.loop.poll();
  EXPECT_EQ(asked, 1U);
  EXPECT_EQ(second.read_all(), "<reset>");
}

TEST_F(listener_test, forgets_whom_it_has_refused_when_it_is_destroyed) {
  admits = false;
  auto one = make();
  one->start();
  peer const client(one->endpoint());
  client.say("a request");
  run_until_asked(1);
  EXPECT_FALSE(client.is_cut_off());
  one.reset();
  EXPECT_TRUE(client.is_cut_off());
  time.run(2s);
}

// --- without descriptors -------------------------------------------------------------------------------------------

TEST_F(listener_test, refuses_with_the_descriptor_in_reserve_where_there_is_no_other) {
  if (tests::sanitized) GTEST_SKIP() << "the sanitizer needs descriptors of its own";
  auto const one = make("no descriptors");
  one->start();
  peer const client(one->endpoint());
  {
    few_descriptors const none(0);
    while (!client.has_ended()) time.loop.run_one_turn();
    EXPECT_EQ(client.read_all(), "no descriptors<end>");
    EXPECT_FALSE(time.loop.run_one_turn()) << "nothing is left to do";
  }
  EXPECT_EQ(asked, 0U);
  peer const next(one->endpoint());
  run_until_asked(1);
  EXPECT_EQ(admitted.size(), 1U);
}

TEST_F(listener_test, who_was_refused_gives_its_descriptor_up_for_the_next) {
  if (tests::sanitized) GTEST_SKIP() << "the sanitizer needs descriptors of its own";
  admits = false;
  auto const one = make();
  one->start();
  peer const refused(one->endpoint());
  refused.say("a request");
  run_until_asked(1);
  EXPECT_EQ(refused.read_all(), "go away<end>");
  EXPECT_FALSE(refused.is_cut_off());
  peer const first(one->endpoint()), second(one->endpoint());
  {
    few_descriptors const none(0);
    run_until_asked(2);
  }
  EXPECT_TRUE(refused.is_cut_off());
}

TEST_F(listener_test, waits_for_better_times_where_nothing_is_in_reserve) {
  // It opens a pipe to check whether an address can be read, and treats an object as absent if that fails.
  if (tests::sanitized) GTEST_SKIP() << "the sanitizer needs descriptors of its own";
  std::unique_ptr<listener> one;
  std::unique_ptr<peer> client;
  {
    few_descriptors const two(2);
    one = [&] {
      // One for its own socket; none is left for the reserve, and the peer's is still to come.
      auto const taken = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      auto made = make();
      ::close(taken);
      return made;
    }();
    one->start();
    client = std::make_unique<peer>(one->endpoint());
    ASSERT_EQ(client->connect_error(), 0);
    time.loop.poll();
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(time.loop.run_one_turn()) << "no busy loop";
  }
  EXPECT_EQ(asked, 0U);
  time.run(99ms);
  EXPECT_EQ(asked, 0U);
  time.run(1ms);
  run_until_asked(1);
  EXPECT_EQ(admitted.size(), 1U);
}

TEST_F(listener_test, may_be_closed_while_it_waits_for_better_times) {
  if (tests::sanitized) GTEST_SKIP() << "the sanitizer needs descriptors of its own";
  std::unique_ptr<listener> one;
  std::unique_ptr<peer> client;
  {
    few_descriptors const two(2);
    auto const taken = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    one = make();
    ::close(taken);
    one->start();
    client = std::make_unique<peer>(one->endpoint());
    time.loop.poll();
  }
  one->close();
  time.run(1s);
  EXPECT_EQ(asked, 0U);
  EXPECT_EQ(client->read_all(), "<reset>");
}

// The reserve was reopened while the refused connection still had its descriptor, and so for the last time.
TEST_F(listener_test, keeps_a_descriptor_in_reserve_however_often_it_is_needed) {
  if (tests::sanitized) GTEST_SKIP() << "the sanitizer needs descriptors of its own";
  auto const one = make();
  one->start();
  std::vector<std::unique_ptr<peer>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<peer>(one->endpoint()));
  {
    few_descriptors const none(0);
    time.run(1s);
    for (auto const& client : clients) EXPECT_TRUE(client->has_ended());
  }
  EXPECT_EQ(asked, 0U);
}

}  // namespace
}  // namespace holdfast::server
