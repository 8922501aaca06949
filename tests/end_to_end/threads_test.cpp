// Connections are shared by all threads of the server, as shown by its answers and by the threads' CPU time.
#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"
#include "tests/support/stopwatch.hpp"
#include "tests/support/streaming_client.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;

server::settings with_threads(unsigned threads) {
  auto settings = running_server::test_settings();
  settings.threads = threads;
  return settings;
}

/// The thread that answered, of `threads`: each numbers its requests in steps of their number, beginning with its own
/// index plus one (lock_recorder).
unsigned answering_thread(raw_reply const& reply, unsigned threads) {
  auto const id = reply.field("holdfast-request-id");
  return static_cast<unsigned>((std::stoull(id.substr(id.find('-') + 1)) - 1) % threads);
}

/// CPU time of each thread of this process so far, by thread id.
std::map<std::string, double> cpu_ms_by_thread() {
  std::map<std::string, double> found;
  std::unique_ptr<DIR, int (*)(DIR*)> const tasks(::opendir("/proc/self/task"), &::closedir);
  while (auto const* const task = ::readdir(tasks.get())) {
    std::string const number = task->d_name;
    double cpu_ns = 0;
    if (std::ifstream("/proc/self/task/" + number + "/schedstat") >> cpu_ns) found[number] = cpu_ns / 1e6;
  }
  return found;
}

struct threads : ::testing::TestWithParam<unsigned> {};

TEST_P(threads, each_answers_its_share_of_the_connections) {
  auto const count = GetParam();
  running_server server(with_threads(count));
  constexpr unsigned connections_each = 8;
  std::vector<raw_client> clients;
  std::vector<unsigned> connections_of(count);
  for (unsigned i = 0; i < count * connections_each; ++i) {
    auto& client = clients.emplace_back(server.port());
    auto const first = answering_thread(client.ask(request("GET", "/v1/kv/a")), count);
    ++connections_of[first];
    // A connection stays on its thread, on every path of its requests.
    EXPECT_EQ(answering_thread(client.ask(request("GET", "/v1/kv/a?hold=1us")), count), first);
    EXPECT_EQ(answering_thread(client.ask(request("PUT", "/v1/kv/b", "1")), count), first);
  }
  for (unsigned thread = 0; thread < count; ++thread)
    EXPECT_GE(connections_of[thread], connections_each / 2) << "thread " << thread << " of " << count;
}

// Ids could be wrong; the kernel's CPU times can't.
TEST_P(threads, each_works_when_all_are_asked) {
  auto const count = GetParam();
  auto const others = cpu_ms_by_thread();
  running_server server(with_threads(count));
  server.settle();
  auto servers = cpu_ms_by_thread();
  for (auto const& [number, cpu_ms] : others) servers.erase(number);
  ASSERT_GE(servers.size(), count);

  std::vector<std::unique_ptr<streaming_client>> clients;
  for (unsigned i = 0; i < 2 * count; ++i)
    clients.push_back(std::make_unique<streaming_client>(server.port(), request("GET", "/v1/kv/a")));
  stopwatch const watch;
  std::vector<double> worked_ms;
  double all_ms = 0;
  while (all_ms < 100.0 * count && watch.elapsed_ms() < 20'000) {
    std::this_thread::sleep_for(50ms);
    worked_ms.clear();
    all_ms = 0;
    for (auto const& [number, cpu_ms] : cpu_ms_by_thread())
      if (servers.contains(number)) all_ms += worked_ms.emplace_back(cpu_ms - servers[number]);
  }
  std::sort(worked_ms.rbegin(), worked_ms.rend());
  ASSERT_GE(worked_ms.size(), count);
  for (unsigned i = 0; i < count; ++i)
    EXPECT_GE(worked_ms[i], all_ms / count / 4)
        << "the " << i + 1 << "th busiest of " << count << "; all together " << all_ms << " ms";
}

TEST_P(threads, have_one_lock_and_one_database) {
  auto const count = GetParam();
  running_server server(with_threads(count));
  std::map<unsigned, raw_client> client_of;
  for (unsigned i = 0; i < 8 * count && client_of.size() < count; ++i) {
    raw_client client(server.port());
    auto const thread = answering_thread(client.ask(request("GET", "/v1/kv/a")), count);
    client_of.try_emplace(thread, std::move(client));
  }
  ASSERT_EQ(client_of.size(), count) << "each thread has answered somebody";

  auto& holder = client_of.at(0);
  server.ask_for_lock(holder, request("PUT", "/v1/kv/a?hold=60s", "\"held\""));
  for (unsigned thread = 1; thread < count; ++thread) client_of.at(thread).send(request("GET", "/v1/kv/a"));
  for (unsigned thread = 1; thread < count; ++thread) EXPECT_TRUE(client_of.at(thread).stays_silent(20ms));
  holder.close();
  for (unsigned thread = 1; thread < count; ++thread) {
    auto const reply = client_of.at(thread).receive();
    EXPECT_EQ(answering_thread(reply, count), thread);
    EXPECT_EQ(reply.body, "\"held\"");
    EXPECT_GT(reply.wait_ms(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(count, threads, ::testing::Values(2U, 4U), ::testing::PrintToStringParamName());

}  // namespace
}  // namespace holdfast::tests
