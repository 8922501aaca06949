#include "client/load/process_clock.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <limits>
#include <thread>

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;

/// Until the calling process has used this much more of a processor.
void work_for(std::chrono::nanoseconds time) {
  auto const own = process_clock::of(::getpid()).value();
  auto const begin = own.now().value();
  while (own.now().value() - begin < time) {
  }
}

/// A child that is stopped: it uses no time, and stays until the test ends it.
class stopped_child {
 public:
  stopped_child() : pid_(::fork()) {
    if (pid_ == 0) {
      ::pause();
      ::_exit(0);
    }
  }
  ~stopped_child() { end(); }
  stopped_child(stopped_child const&) = delete;
  stopped_child& operator=(stopped_child const&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void end() {
    if (ended_) return;
    ended_ = true;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_;
  bool ended_ = false;
};

TEST(process_clock, counts_all_threads_and_those_that_have_ended) {
  auto const clock = process_clock::of(::getpid()).value();
  auto const before = clock.now().value();
  std::thread([] { work_for(50ms); }).join();
  EXPECT_GE(clock.now().value() - before, 50ms);
}

TEST(process_clock, counts_nothing_of_other_processes) {
  stopped_child const idle;
  auto const clock = process_clock::of(idle.pid()).value();
  auto const before = clock.now().value();
  work_for(200ms);
  // Whatever the child was still about to do when it was forked.
  EXPECT_LT(clock.now().value() - before, 100ms);
}

TEST(process_clock, is_none_of_a_process_that_is_not_there) {
  stopped_child gone;
  gone.end();
  EXPECT_FALSE(process_clock::of(gone.pid()));
  EXPECT_FALSE(process_clock::of(0));
  EXPECT_FALSE(process_clock::of(-1));
  EXPECT_FALSE(process_clock::of(std::numeric_limits<pid_t>::max()));
}

TEST(process_clock, knows_no_time_of_a_process_that_has_ended) {
  stopped_child child;
  auto const clock = process_clock::of(child.pid()).value();
  EXPECT_TRUE(clock.now());
  child.end();
  EXPECT_FALSE(clock.now());
}

TEST(process_clock, tells_the_name_of_the_program) {
  EXPECT_EQ(process_clock::of(::getpid())->name(), "load_test");
}

}  // namespace
}  // namespace holdfast::client::load
