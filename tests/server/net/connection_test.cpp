#include "server/net/connection.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace holdfast::server {
namespace {

using namespace std::literals;
using clock = connection::clock;

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * kib;

/// The connection's end and its peer's.
using socket_pair = std::array<int, 2>;

socket_pair local_pair() {
  socket_pair ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  return ends;
}

/// TCP shows how much the peer has accepted. The peer accepts little before it reads; our kernel buffers much.
socket_pair tcp_pair() {
  unique_socket const listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(listening.get(), any, size), 0);
  EXPECT_EQ(::listen(listening.get(), 1), 0);
  EXPECT_EQ(::getsockname(listening.get(), any, &size), 0);
  int const little = 16 * 1024, much = 1024 * 1024;
  auto const peer = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(::setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
  EXPECT_EQ(::connect(peer, any, size), 0);
  auto const ours = ::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  EXPECT_GE(ours, 0);
  EXPECT_EQ(::setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &much, sizeof much), 0);
  return {ours, peer};
}

std::string text_of(std::size_t bytes) {
  std::string text(bytes, ' ');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

class connection_test : public testing::Test, private connection::owner {
 protected:
  connection_test() { start(local_pair()); }
  ~connection_test() override {
    if (ours) {
      ours->forget_waiting();
      loop.shut_down();
    }
  }

  void start(socket_pair ends) {
    ours.reset();
    peer = unique_socket(ends[1]);
    connection::owner& its_owner = *this;
    ours = std::make_unique<connection>(unique_socket(ends[0]), its_owner, loop, 10s);
    ours->count_in(budget);
    EXPECT_TRUE(ours->open());
    loop.set_time(begin = clock::now());
  }

  // --- the loop ---

  /// Runs what is ready. A socket whose peer is gone stays ready.
  void run_ready() {
    for (int turns = 0; turns < 50 && loop.run_one_turn(); ++turns) {
    }
  }

  /// Runs what is ready once this time has passed since the start.
  void at(clock::duration time) {
    loop.set_time(begin + time);
    run_ready();
  }

  /// The result of an awaited function.
  struct awaited {
    std::optional<io_result> result;
    [[nodiscard]] bool is(io_result what) const { return result == what; }
  };

  void await(awaitable<io_result> what, awaited& into) {
    into.result.reset();
    asio::co_spawn(loop.get_executor(), std::move(what), [&into](std::exception_ptr const& error, io_result result) {
      EXPECT_FALSE(error);
      into.result = result;
    });
  }

  void await(awaitable<void> what, awaited& into) {
    into.result.reset();
    asio::co_spawn(loop.get_executor(), std::move(what), [&into](std::exception_ptr const& error) {
      EXPECT_FALSE(error);
      into.result = io_result::done;
    });
  }

  // --- the peer ---

  void say(std::string_view text) const {
    EXPECT_EQ(::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
  }

  /// Received data, without waiting. @return the text, and the error that ended the stream, if any.
  std::string read(std::size_t bytes_max = std::size_t(-1)) {
    std::string all;
    std::array<char, 4 * kib> some;
    while (all.size() < bytes_max) {
      auto const got = ::recv(peer.get(), some.data(), std::min(some.size(), bytes_max - all.size()), MSG_DONTWAIT);
      if (got == 0) return all + "<end>";
      if (got < 0) return errno == EAGAIN ? all : all + (errno == ECONNRESET ? "<reset>" : "<error>");
      all.append(some.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

  /// The same until the end of the stream, for as long as it takes.
  std::string read_to_end() {
    std::string all;
    for (;;) {
      all += read();
      if (all.ends_with('>')) return all;
      pollfd look{.fd = peer.get(), .events = POLLIN, .revents = 0};
      ::poll(&look, 1, -1);
    }
  }

  void hang_up() { peer = unique_socket(); }

  /// The peer's last state: it accepts nothing and wants nothing.
  void reset() {
    ::linger const at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    hang_up();
  }

  void on_bytes() override {
    ++bytes_calls;
    if (then) then();
  }
  void on_idle_timeout() override { ++timeouts; }
  void on_unsent(std::string_view bytes) override { unsent = bytes; }
  void on_resume() override { ++resumes; }

  event_loop loop;
  byte_budget budget{64 * mib};
  clock::time_point begin;
  unique_socket peer;
  std::unique_ptr<connection> ours;
  int bytes_calls = 0;
  int timeouts = 0;
  int resumes = 0;
  std::string unsent;
  std::function<void()> then;
};

// --- the memory that it keeps --------------------------------------------------------------------------------------

// Clients that read nothing took memory until there was none left: nobody counted the buffers.
TEST_F(connection_test, counts_its_buffers_while_the_peer_does_not_read) {
  ours->work();
  ours->input().append(text_of(64 * kib));
  ours->output().append(text_of(256 * kib));
  EXPECT_EQ(ours->try_flush(), std::nullopt) << "the kernel does not take so much";
  EXPECT_EQ(budget.used(), 0U);
  awaited sent;
  await(ours->flush(), sent);
  run_ready();
  EXPECT_GE(budget.used(), 320 * kib);
  EXPECT_LT(budget.used(), 330 * kib);
  while (!sent.result) {
    read();
    run_ready();
  }
  EXPECT_TRUE(sent.is(io_result::done));
  EXPECT_EQ(budget.used(), 64 * kib);
  ours->input().consume(64 * kib);
  ours->rest(begin + 1h);
  EXPECT_EQ(budget.used(), 0U);
}

TEST_F(connection_test, does_not_wait_where_the_budget_is_used_up) {
  ASSERT_TRUE(budget.take(budget.bytes_max() - 100 * kib));
  ours->work();
  ours->output().append(text_of(512 * kib));
  EXPECT_EQ(ours->try_flush(), std::nullopt);
  awaited sent, got;
  await(ours->flush(), sent);
  run_ready();
  EXPECT_TRUE(sent.is(io_result::no_memory));
  await(ours->fill(begin + 1h, 1), got);
  run_ready();
  EXPECT_TRUE(got.is(io_result::no_memory));
  EXPECT_EQ(budget.used(), budget.bytes_max() - 100 * kib);
}

TEST_F(connection_test, counts_what_waits_for_the_rest_of_a_message) {
  ours->work();
  awaited got;
  await(ours->fill(begin + 1h, 2 * kib), got);
  run_ready();
  auto const coroutine = budget.used();
  EXPECT_NE(coroutine, 0U);
  say("hello");
  run_ready();
  EXPECT_TRUE(got.is(io_result::done));
  await(ours->fill(begin + 1h, 2 * kib), got);
  run_ready();
  EXPECT_EQ(budget.used(), coroutine + 2 * kib);
  ours->forget_waiting();
  ours.reset();
  EXPECT_EQ(budget.used(), 0U);
}

TEST_F(connection_test, counts_an_output_that_is_kept_at_rest_even_beyond_the_budget) {
  ASSERT_TRUE(budget.take(budget.bytes_max()));
  ours->output().append(text_of(10 * kib));
  ours->rest(begin + 1h);
  EXPECT_EQ(budget.used(), budget.bytes_max() + 10 * kib);
  ours->output().consume(10 * kib);
  ours->rest(begin + 1h);
  EXPECT_EQ(budget.used(), budget.bytes_max());
}

// Its answer would be lost, and it would not learn why it was refused.
TEST_F(connection_test, reads_the_rest_of_a_refused_message_without_a_budget) {
  start(tcp_pair());
  ASSERT_TRUE(budget.take(budget.bytes_max()));
  ours->work();
  awaited gone;
  await(ours->linger(1s), gone);
  run_ready();
  EXPECT_FALSE(gone.result);
  hang_up();
  run_ready();
  EXPECT_TRUE(gone.result);
}

// --- at rest -------------------------------------------------------------------------------------------------------

TEST_F(connection_test, at_rest_tells_of_bytes_and_keeps_no_buffers) {
  ours->work();
  ours->input().append("x");
  ours->input().consume(1);
  ours->output().append("x");
  ours->output().consume(1);
  EXPECT_NE(ours->input().capacity() + ours->output().capacity(), 0U);
  ours->rest(begin + 1h);
  EXPECT_EQ(ours->input().capacity() + ours->output().capacity(), 0U);
  run_ready();
  EXPECT_EQ(bytes_calls, 0);
  std::array<char, 16> room;
  EXPECT_EQ(ours->read_some(room), std::nullopt) << "nothing yet";
  say("hello");
  loop.run_one_turn();
  EXPECT_EQ(bytes_calls, 1);
  EXPECT_EQ(ours->read_some(room), 5U);
  EXPECT_FALSE(loop.run_one_turn());
}

TEST_F(connection_test, at_rest_tells_of_the_end_of_the_stream) {
  ours->rest(begin + 1h);
  hang_up();
  loop.run_one_turn();
  EXPECT_EQ(bytes_calls, 1);
  std::array<char, 16> room;
  EXPECT_EQ(ours->read_some(room), 0U);
}

TEST_F(connection_test, at_rest_may_be_destroyed_by_whom_it_tells) {
  ours->rest(begin + 1h);
  then = [&] { ours.reset(); };
  hang_up();
  run_ready();
  EXPECT_EQ(bytes_calls, 1);
}

TEST_F(connection_test, at_rest_is_told_when_its_time_is_up) {
  ours->rest(begin + 1s);
  at(999ms);
  EXPECT_EQ(timeouts, 0);
  at(1s + deadline::precision);
  EXPECT_EQ(timeouts, 1);
  at(1h);
  EXPECT_EQ(timeouts, 1);
}

TEST_F(connection_test, at_work_has_no_idle_time) {
  ours->rest(begin + 1s);
  ours->work();
  at(1h);
  EXPECT_EQ(timeouts, 0);
}

TEST_F(connection_test, at_work_does_not_keep_the_loop_busy_with_what_nobody_reads) {
  ours->rest(begin + 1h);
  ours->work();
  say("hello");
  run_ready();
  EXPECT_FALSE(loop.run_one_turn());
  EXPECT_EQ(bytes_calls, 0);
  ours->rest(begin + 1h);
  loop.run_one_turn();
  EXPECT_EQ(bytes_calls, 1) << "it is still there";
}

// The thread turned without end while a client that had hung up waited for the disk.
TEST_F(connection_test, at_work_does_not_keep_the_loop_busy_with_a_peer_that_has_hung_up) {
  for (bool const is_half : {true, false}) {
    start(local_pair());
    ours->rest(begin + 1h);
    ours->work();
    is_half ? (void)::shutdown(peer.get(), SHUT_WR) : hang_up();
    run_ready();
    EXPECT_FALSE(loop.run_one_turn()) << is_half;
    awaited fill;
    await(ours->fill(begin + 1h, 100), fill);
    run_ready();
    EXPECT_TRUE(fill.is(io_result::closed)) << is_half;
  }
}

TEST_F(connection_test, at_work_does_not_keep_the_loop_busy_with_a_peer_that_has_reset) {
  start(tcp_pair());
  ours->rest(begin + 1h);
  ours->work();
  reset();
  while (!loop.run_one_turn()) {
  }
  run_ready();
  EXPECT_FALSE(loop.run_one_turn());
  EXPECT_EQ(ours->try_flush("x"), io_result::closed);
}

TEST_F(connection_test, sends_at_once_and_leaves_to_the_owner_what_is_not_taken) {
  ours->rest(begin + 1h);
  ours->send("hello");
  EXPECT_EQ(read(), "hello");
  EXPECT_EQ(unsent, "");
  auto const large = text_of(8 * mib);
  ours->send(large);
  EXPECT_FALSE(unsent.empty());
  EXPECT_EQ(read() + unsent, large);
  EXPECT_EQ(ours->output().capacity(), 0U);
}

// A client that reads no answers and sends nothing more would occupy the kernel for minutes.
TEST_F(connection_test, at_rest_resets_a_peer_that_has_not_taken_its_answer_in_time) {
  start(tcp_pair());
  ours->rest(begin + 1s);
  EXPECT_GT(ours->send_some(text_of(mib)), 200 * kib);
  at(1s + deadline::precision);
  EXPECT_EQ(timeouts, 1);
  ours.reset();
  EXPECT_TRUE(read_to_end().ends_with("<reset>"));
}

TEST_F(connection_test, at_rest_ends_in_peace_with_a_peer_that_has_taken_all) {
  start(tcp_pair());
  ours->rest(begin + 1s);
  ours->send("hello");
  while (read(5) != "hello") {
  }
  at(1s + deadline::precision);
  ours.reset();
  EXPECT_EQ(read_to_end(), "<end>");
}

// --- reading -------------------------------------------------------------------------------------------------------

TEST_F(connection_test, a_fill_waits_for_its_turn) {
  ours->work();
  say("hello");
  awaited fill;
  await(ours->fill(begin + 1h, 100), fill);
  loop.run_one_turn();
  EXPECT_FALSE(fill.result) << "although the bytes are there";
  EXPECT_EQ(resumes, 0);
  loop.run_one_turn();
  EXPECT_TRUE(fill.is(io_result::done));
  EXPECT_EQ(resumes, 1) << "others' answers are sent before it goes on";
  EXPECT_EQ(ours->input().view(), "hello");
  EXPECT_EQ(bytes_calls, 0);
}

TEST_F(connection_test, fills_are_spread_over_turns) {
  ours->work();
  say(text_of(100));
  awaited all;
  await(
      [](connection& from, clock::time_point due) -> awaitable<void> {
        for (int i = 0; i < 10; ++i) co_await from.fill(due, 1);
      }(*ours, begin + 1h),
      all);
  loop.run_one_turn();
  for (int reads = 1; reads <= 3; ++reads) {
    say(text_of(100));
    loop.run_one_turn();
    EXPECT_EQ(resumes, reads);
  }
}

TEST_F(connection_test, a_fill_appends_to_what_is_there_and_has_the_room_that_was_asked_for) {
  ours->work();
  ours->input().append("hel");
  say("lo" + text_of(10'000));
  awaited fill;
  await(ours->fill(begin + 1h, 20'000), fill);
  run_ready();
  EXPECT_EQ(ours->input().view(), "hello" + text_of(10'000));
}

TEST_F(connection_test, a_fill_keeps_little_memory_while_it_waits) {
  ours->work();
  for (std::size_t const bytes : {16 * kib, 16 * kib + 1}) {
    ours->input().release();
    (void)ours->input().prepare(bytes);
    awaited fill;
    await(ours->fill(begin + 1h, 100), fill);
    run_ready();
    EXPECT_EQ(ours->input().capacity(), bytes > 16 * kib ? 0U : bytes);
    EXPECT_TRUE(ours->interrupt());
    run_ready();
  }
}

TEST_F(connection_test, a_fill_ends_at_its_time) {
  ours->work();
  awaited fill;
  await(ours->fill(begin + 1s, 100), fill);
  at(999ms);
  EXPECT_FALSE(fill.result);
  at(1s + deadline::precision);
  EXPECT_TRUE(fill.is(io_result::timed_out));
  EXPECT_EQ(timeouts, 0);
  say("late");
  await(ours->fill(begin + 1h, 100), fill);
  run_ready();
  EXPECT_TRUE(fill.is(io_result::done)) << "it may be tried again";
}

TEST_F(connection_test, the_time_of_a_fill_does_not_reach_the_next) {
  ours->work();
  awaited fill;
  await(ours->fill(begin + 1s, 100), fill);
  say("hello");
  run_ready();
  EXPECT_TRUE(fill.is(io_result::done));
  await(ours->fill(begin + 10s, 100), fill);
  at(9s);
  EXPECT_FALSE(fill.result);
}

TEST_F(connection_test, a_fill_says_that_the_peer_has_ended_and_says_it_again) {
  ours->work();
  say("bye");
  hang_up();
  awaited fill;
  await(ours->fill(begin + 1h, 100), fill);
  run_ready();
  EXPECT_TRUE(fill.is(io_result::done));
  for (int i = 0; i < 2; ++i) {
    await(ours->fill(begin + 1h, 100), fill);
    run_ready();
    EXPECT_TRUE(fill.is(io_result::closed));
  }
  EXPECT_EQ(ours->input().view(), "bye");
}

// When the leader changed, an answer that had just arrived was lost.
TEST_F(connection_test, a_close_after_input_leaves_what_has_arrived) {
  start(tcp_pair());
  ours->work();
  awaited fill, flush;
  await(ours->fill(begin + 1h, 100), fill);
  run_ready();
  say("bye");
  ours->close_after_input();
  run_ready();
  EXPECT_TRUE(fill.is(io_result::done));
  EXPECT_EQ(ours->input().view(), "bye");
  await(ours->fill(begin + 1h, 100), fill);
  run_ready();
  EXPECT_TRUE(fill.is(io_result::closed));
  await(ours->flush("more"), flush);
  run_ready();
  EXPECT_TRUE(flush.is(io_result::closed));
  EXPECT_EQ(read_to_end(), "<end>");
}

TEST_F(connection_test, interrupts_a_fill_and_nothing_else) {
  ours->work();
  EXPECT_FALSE(ours->interrupt());
  awaited fill, flush;
  await(ours->fill(begin + 1h, 100), fill);
  run_ready();
  EXPECT_TRUE(ours->interrupt());
  run_ready();
  EXPECT_TRUE(fill.is(io_result::interrupted));
  EXPECT_FALSE(ours->interrupt());
  auto const large = text_of(8 * mib);
  await(ours->flush(large), flush);
  run_ready();
  EXPECT_FALSE(ours->interrupt());
  EXPECT_FALSE(flush.result);
}

// --- writing -------------------------------------------------------------------------------------------------------

TEST_F(connection_test, sends_what_is_taken_at_once_without_waiting) {
  ours->work();
  ours->output().append("head ");
  EXPECT_EQ(ours->try_flush("tail"), io_result::done);
  EXPECT_EQ(read(), "head tail");
  EXPECT_TRUE(ours->output().empty());
  EXPECT_EQ(ours->try_flush(), io_result::done) << "of nothing";
  EXPECT_EQ(ours->try_flush("tail"), io_result::done) << "all of it again";
  EXPECT_EQ(read(), "tail");
}

TEST_F(connection_test, a_flush_goes_on_where_the_peer_takes_more) {
  ours->work();
  // Twice: the second tail is also sent in full. The first time most data are in the output, then in the tail.
  for (std::size_t const front : {4 * mib, 10 * kib}) {
    auto const head = text_of(front), tail = text_of(4 * mib + 7);
    ours->output().append(head);
    EXPECT_EQ(ours->try_flush(tail), std::nullopt);
    awaited flush;
    await(ours->flush(tail), flush);
    std::string got;
    while (!flush.result) {
      run_ready();
      EXPECT_FALSE(loop.run_one_turn()) << "nothing is done while the peer takes nothing";
      got += read();
    }
    got += read();
    EXPECT_TRUE(flush.is(io_result::done));
    EXPECT_TRUE(got == head + tail);
    EXPECT_TRUE(ours->output().empty());
  }
}

TEST_F(connection_test, keeps_little_memory_behind_a_flush) {
  ours->work();
  ours->output().append(text_of(10 * kib));
  EXPECT_EQ(ours->try_flush(), io_result::done);
  EXPECT_NE(ours->output().capacity(), 0U) << "for the next";
  ours->output().append(text_of(20 * kib));
  EXPECT_EQ(ours->try_flush(), io_result::done);
  EXPECT_EQ(ours->output().capacity(), 0U);
}

TEST_F(connection_test, a_flush_says_that_the_peer_is_gone) {
  ours->work();
  auto const large = text_of(8 * mib);
  EXPECT_EQ(ours->try_flush(large), std::nullopt);
  awaited flush;
  await(ours->flush(large), flush);
  run_ready();
  EXPECT_FALSE(flush.result);
  hang_up();
  run_ready();
  EXPECT_TRUE(flush.is(io_result::closed));
  EXPECT_EQ(ours->try_flush(large), io_result::closed);
}

TEST_F(connection_test, a_transfer_has_a_second_more_for_each_16_kib) {
  EXPECT_EQ(ours->transfer_due(begin, 0), begin + 10s);
  EXPECT_EQ(ours->transfer_due(begin, 16 * kib - 1), begin + 10s);
  EXPECT_EQ(ours->transfer_due(begin, 16 * kib), begin + 11s);
  EXPECT_EQ(ours->transfer_due(begin, 160 * kib + 5), begin + 20s);
}

/// Number of bytes that have reached the peer and are unread.
std::size_t unread(unique_socket const& peer) {
  int bytes = 0;
  EXPECT_EQ(::ioctl(peer.get(), FIONREAD, &bytes), 0);
  return static_cast<std::size_t>(bytes);
}

// The kernel accepted a megabyte and more at once, which used to count as accepted by the peer: a minute more for a
// client that reads nothing.
TEST_F(connection_test, a_peer_that_reads_nothing_gets_no_time_for_what_only_the_kernel_has_taken) {
  start(tcp_pair());
  ours->work();
  auto const large = text_of(8 * mib);
  awaited flush;
  await(ours->flush(large), flush);
  run_ready();
  EXPECT_FALSE(flush.result);
  auto const begun_by = clock::now() - begin;
  at(10s - 1ms);
  EXPECT_FALSE(flush.result);
  auto const taken = std::chrono::seconds(unread(peer) / (16 * kib));
  at(begun_by + 10s + taken + deadline::precision);
  at(begun_by + 10s + taken + 2 * deadline::precision);  // after it has looked once more
  EXPECT_TRUE(flush.is(io_result::timed_out));
  ours.reset();
  EXPECT_TRUE(read_to_end().ends_with("<reset>"));
}

TEST_F(connection_test, a_peer_that_takes_its_time_but_takes_has_more_of_it) {
  start(tcp_pair());
  ours->work();
  auto const large = text_of(8 * mib);
  awaited flush;
  await(ours->flush(large), flush);
  run_ready();
  auto const begun_by = clock::now() - begin;
  std::size_t got = 0;
  while (got < 640 * kib) {
    got += read(64 * kib).size();
    run_ready();
  }
  at(40s);
  EXPECT_FALSE(flush.result) << "40 s more than 10";
  auto const taken = std::chrono::seconds((got + unread(peer)) / (16 * kib));
  at(begun_by + 10s + taken + deadline::precision);
  at(begun_by + 10s + taken + 2 * deadline::precision);
  EXPECT_TRUE(flush.is(io_result::timed_out));
}

// --- a peer that hangs up ------------------------------------------------------------------------------------------

TEST_F(connection_test, a_watch_tells_of_a_peer_that_hangs_up) {
  ours->work();
  interruption stop;
  connection::hang_up_watch const watch(*ours, stop, 100);
  run_ready();
  EXPECT_EQ(stop.why(), stop_reason::none);
  hang_up();
  loop.run_one_turn();
  EXPECT_EQ(stop.why(), stop_reason::hang_up);
  awaited fill;
  await(ours->fill(begin + 1h, 100), fill);
  while (!fill.result) loop.run_one_turn();
  EXPECT_TRUE(fill.is(io_result::closed)) << "and remembers it";
}

TEST_F(connection_test, a_watch_tells_of_a_reset) {
  start(tcp_pair());
  ours->work();
  interruption stop;
  connection::hang_up_watch const watch(*ours, stop, 100);
  reset();
  while (stop.why() == stop_reason::none) loop.run_one_turn();
  EXPECT_EQ(stop.why(), stop_reason::hang_up);
  run_ready();
  EXPECT_FALSE(loop.run_one_turn()) << "told once, it does not keep the loop busy";
}

TEST_F(connection_test, a_watch_reads_ahead_up_to_its_limit_and_still_sees_the_end) {
  ours->work();
  ours->input().append("12345");
  interruption stop;
  {
    connection::hang_up_watch const watch(*ours, stop, 10);
    say("67");
    run_ready();
    EXPECT_EQ(ours->input().view(), "1234567");
    say("890ab");
    run_ready();
    EXPECT_EQ(ours->input().view(), "1234567890");
    EXPECT_FALSE(loop.run_one_turn()) << "what is beyond the limit must not wake it";
    EXPECT_EQ(stop.why(), stop_reason::none);
    ::shutdown(peer.get(), SHUT_WR);
    run_ready();
    EXPECT_EQ(stop.why(), stop_reason::hang_up);
  }
  EXPECT_EQ(bytes_calls, 0);
}

TEST_F(connection_test, a_watch_over_a_full_buffer_reads_nothing_and_still_sees_the_end) {
  ours->work();
  ours->input().append("1234567890");
  interruption stop;
  connection::hang_up_watch const watch(*ours, stop, 10);
  say("ab");
  run_ready();
  EXPECT_FALSE(loop.run_one_turn());
  EXPECT_EQ(ours->input().view(), "1234567890");
  EXPECT_EQ(stop.why(), stop_reason::none);
  ::shutdown(peer.get(), SHUT_WR);
  run_ready();
  EXPECT_EQ(stop.why(), stop_reason::hang_up);
}

TEST_F(connection_test, what_a_watch_has_left_is_read_behind_it) {
  ours->work();
  interruption stop;
  {
    connection::hang_up_watch const watch(*ours, stop, 3);
    say("12345");
    run_ready();
  }
  EXPECT_EQ(ours->input().view(), "123");
  awaited fill;
  await(ours->fill(begin + 1h, 100), fill);
  run_ready();
  EXPECT_EQ(ours->input().view(), "12345");
  hang_up();
  run_ready();
  EXPECT_EQ(stop.why(), stop_reason::none) << "nobody watches any more";
}

// --- lingering -----------------------------------------------------------------------------------------------------

TEST_F(connection_test, lingers_until_the_peer_has_ended_too) {
  ours->work();
  ours->input().append("unread");
  awaited linger;
  await(ours->linger(2s), linger);
  run_ready();
  EXPECT_EQ(read(), "<end>") << "it has said that it says no more";
  for (int i = 0; i < 3; ++i) {
    say(text_of(50 * kib));
    run_ready();
    EXPECT_LE(ours->input().size(), 64 * kib) << "what comes is dropped";
  }
  EXPECT_FALSE(linger.result);
  hang_up();
  run_ready();
  EXPECT_TRUE(linger.result);
}

TEST_F(connection_test, lingers_no_longer_than_it_is_told) {
  start(tcp_pair());
  ours->work();
  ours->send("answer");
  while (read(6) != "answer") {
  }
  awaited linger;
  await(ours->linger(2s), linger);
  run_ready();
  auto const begun_by = clock::now() - begin;
  at(1900ms);
  EXPECT_FALSE(linger.result);
  say("what comes does not make it longer");
  at(begun_by + 2s + deadline::precision);
  EXPECT_TRUE(linger.result);
}

TEST_F(connection_test, lingers_for_a_peer_that_still_takes_its_answer) {
  start(tcp_pair());
  ours->work();
  EXPECT_GT(ours->send_some(text_of(mib)), 500 * kib);
  awaited linger;
  await(ours->linger(250ms), linger);
  run_ready();
  auto const begun_by = clock::now() - begin;
  // Lingering after a time-out uses the system clock, which a test can't move.
  at(9s);
  EXPECT_FALSE(linger.result) << "as long as for any other answer";
  auto got = read();
  while (!got.ends_with('>')) got += read_to_end();
  EXPECT_TRUE(got.ends_with("<end>"));
  hang_up();
  at(begun_by + 10s);
  EXPECT_TRUE(linger.result);
}

TEST_F(connection_test, lingering_can_be_cut_short) {
  ours->work();
  awaited linger;
  await(ours->linger(2s), linger);
  run_ready();
  EXPECT_TRUE(ours->interrupt());
  run_ready();
  EXPECT_TRUE(linger.result);
}

// --- closed --------------------------------------------------------------------------------------------------------

TEST_F(connection_test, a_close_ends_what_waits_and_what_comes) {
  ours->work();
  awaited fill, flush;
  await(ours->fill(begin + 1h, 100), fill);
  run_ready();
  ours->close();
  run_ready();
  EXPECT_TRUE(fill.is(io_result::closed));
  EXPECT_EQ(read(), "<end>");
  await(ours->fill(begin + 1h, 100), fill);
  ours->output().append("x");
  await(ours->flush(), flush);
  run_ready();
  EXPECT_TRUE(fill.is(io_result::closed));
  EXPECT_TRUE(flush.is(io_result::closed));
  EXPECT_EQ(ours->try_flush(), io_result::closed);
}

TEST_F(connection_test, a_close_ends_a_flush) {
  ours->work();
  auto const large = text_of(8 * mib);
  awaited flush;
  await(ours->flush(large), flush);
  run_ready();
  ours->close();
  run_ready();
  EXPECT_TRUE(flush.is(io_result::closed));
}

TEST_F(connection_test, tells_who_its_peer_is) {
  EXPECT_EQ(ours->peer(), "unknown");
  start(tcp_pair());
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(peer.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  EXPECT_EQ(ours->peer(), "127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
}

}  // namespace
}  // namespace holdfast::server
