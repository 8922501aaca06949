#include "server/loop/signal_source.hpp"

#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

namespace holdfast::server {
namespace {

class signal_source_test : public testing::Test {
 protected:
  signal_source_test() { ::pthread_sigmask(SIG_SETMASK, nullptr, &before_); }
  ~signal_source_test() override { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  event_loop loop;
  std::vector<int> got;

 private:
  sigset_t before_{};
};

TEST_F(signal_source_test, tells_of_the_signals_it_was_asked_for) {
  signal_source const source(loop, {SIGINT, SIGTERM, SIGHUP}, [&](int number) { got.push_back(number); });
  ::kill(::getpid(), SIGTERM);
  loop.poll();
  ::kill(::getpid(), SIGHUP);
  ::kill(::getpid(), SIGINT);
  loop.poll();
  std::ranges::sort(got.begin() + 1, got.end());
  EXPECT_EQ(got, (std::vector{SIGTERM, SIGHUP, SIGINT}));
}

TEST_F(signal_source_test, wakes_the_loop_whichever_thread_the_signal_finds) {
  signal_source const source(loop, {SIGTERM}, [&](int number) {
    got.push_back(number);
    loop.stop();
  });
  std::jthread const sender([] { ::kill(::getpid(), SIGTERM); });
  loop.run();
  EXPECT_EQ(got, std::vector{SIGTERM});
}

TEST_F(signal_source_test, leaves_other_signals_alone) {
  signal_source const source(loop, {SIGTERM}, [&](int number) { got.push_back(number); });
  sigset_t now{};
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  EXPECT_EQ(sigismember(&now, SIGTERM), 1);
  EXPECT_EQ(sigismember(&now, SIGINT), 0);
}

TEST_F(signal_source_test, may_be_destroyed_by_its_own_callback) {
  std::unique_ptr<signal_source> source;
  source = std::make_unique<signal_source>(loop, std::initializer_list{SIGTERM, SIGINT}, [&](int number) {
    ::raise(SIGINT);  // stays blocked
    got.push_back(number);
    source.reset();
  });
  ::kill(::getpid(), SIGTERM);
  loop.poll();
  EXPECT_EQ(got.size(), 1U);
  // Consumes pending signals, so that they do not end the process when the test's mask is restored.
  signal_source const again(loop, {SIGTERM, SIGINT}, [&](int number) { got.push_back(number); });
  loop.poll();
  EXPECT_EQ(got.size(), 2U);
}

}  // namespace
}  // namespace holdfast::server
