// kill -9 at random instants, repeatedly: everything that the process acknowledged is there.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "server/journal/commit_queue.hpp"
#include "server/journal/rocksdb_journal.hpp"
#include "tests/server/journal/history.hpp"

extern char** environ;

namespace holdfast::server {
namespace {

using namespace server::testing;
namespace fs = std::filesystem;

constexpr std::uint64_t seed = 11;
constexpr std::size_t keys = 100, value_bytes_max = 600;
constexpr int acknowledgements = 200;  // the child's pipe for reports
constexpr char const* directory_variable = "HOLDFAST_KILLED_DIRECTORY";

/// Continues from the directory's state, and reports the durable sequence whenever it advances.
TEST(kill, DISABLED_child) {
  auto const* const directory = std::getenv(directory_variable);
  ASSERT_NE(directory, nullptr);
  rocksdb_journal journal({.directory = directory, .tuning = {.buffer_bytes = 64 * 1024, .environment = {}}});
  recovered(journal);
  history made(seed, keys, value_bytes_max);
  while (made.sequence() < journal.position().sequence) made.next();
  commit_queue* acknowledging = nullptr;
  std::mutex started;
  std::unique_lock starting(started);
  commit_queue queue(journal, {},
                     {[&] {
                        {
                          std::lock_guard const wait(started);
                        }
                        auto const durable = acknowledging->durable_sequence();
                        if (::write(acknowledgements, &durable, sizeof durable) != sizeof durable) std::abort();
                      },
                      {},
                      {}});
  acknowledging = &queue;
  starting.unlock();
  while (queue.failure() == nullptr) {
    auto together = made.next(made.size_up_to(4));
    queue.append(together);
    queue.wake();
    while (queue.pending_bytes() > 40'000 && queue.failure() == nullptr) ::usleep(100);
  }
}

/// Starts the child, and kills it after this number of acknowledgements. @return the last acknowledged change.
std::uint64_t acknowledged_before_kill(fs::path const& directory, std::size_t times) {
  std::array<int, 2> pipe{};
  EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  ::setenv(directory_variable, directory.c_str(), 1);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], acknowledgements);
  // The framework's output is not needed.
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  std::string program = "/proc/self/exe", filter = "--gtest_filter=kill.DISABLED_child",
              also = "--gtest_also_run_disabled_tests", brief = "--gtest_brief=1";
  std::array<char*, 5> arguments{program.data(), filter.data(), also.data(), brief.data(), nullptr};
  pid_t child = 0;
  EXPECT_EQ(::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);

  std::string told;
  std::array<char, 4096> bytes{};
  auto killed = false;
  for (;;) {
    auto const count = ::read(pipe[0], bytes.data(), bytes.size());
    if (count <= 0) break;
    told.append(bytes.data(), static_cast<std::size_t>(count));
    if (!killed && told.size() / sizeof(std::uint64_t) >= times) {
      ::kill(child, SIGKILL);
      killed = true;
    }
  }
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "ended by itself";
  std::uint64_t last = 0;
  for (std::size_t at = 0; at + sizeof last <= told.size(); at += sizeof last)
    std::memcpy(&last, &told[at], sizeof last);
  return last;
}

TEST(kill, at_any_instant_loses_nothing_that_was_acknowledged) {
  // A child repeats all changes of its directory in memory before it continues, so the number of its lives is limited.
  constexpr std::size_t lives_each = 25;
  std::mt19937_64 random(seed);
  std::optional<scratch_directory> scratch;
  std::optional<history> made;
  for (std::size_t life = 0; life < rounds(8); ++life) {
    if (life % lives_each == 0) {
      scratch.emplace();
      made.emplace(seed, keys, value_bytes_max);
    }
    auto const acknowledged = acknowledged_before_kill(*scratch / "data", 1 + random() % 200);
    rocksdb_journal journal({.directory = *scratch / "data"});
    auto const sequence = journal.position().sequence;
    ASSERT_GE(sequence, acknowledged) << "life " << life;
    ASSERT_GE(sequence, made->sequence()) << "went back";
    while (made->sequence() < sequence) made->next();
    ASSERT_TRUE(recovered(journal) == made->state()) << "life " << life;
  }
}

}  // namespace
}  // namespace holdfast::server
