#include "server/app/demo.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <vector>

#include "tests/support/virtual_time.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> transcript(unsigned rounds) {
  std::vector<std::string> lines;
  auto ended = false;
  tests::virtual_time time;
  demo story(rounds, [&](std::string_view line) { lines.emplace_back(line); });
  auto const executor = time.loop.get_executor();
  asio::co_spawn(executor, story.read(), [&](std::exception_ptr const&) { ended = true; });
  asio::co_spawn(executor, story.write(), asio::detached);
  for (auto left = std::chrono::seconds(rounds + 1) / 1ms; left > 0 && !ended; --left) time.run(1ms);
  EXPECT_TRUE(ended) << "the reader did not come to its end";
  time.loop.shut_down();
  return lines;
}

// The order that the tutorial prints. It shows two rules: the lock is handed over and the new owner runs later
// (->read-guard precedes <-write-guard), and waiters are served in order of arrival (the writer first, although the
// reader requests the lock again at once).
TEST(demo, tells_the_tutorials_transcript_line_for_line) {
  EXPECT_EQ(transcript(2), (std::vector<std::string>{
                               "->read-guard",
                               "->read-sleep",
                               "->write-guard",
                               "<-read-sleep",
                               "value = null",
                               "<-read-guard",
                               "->read-guard",
                               "<-write-guard",
                               "->read-sleep",
                               "->write-guard",
                               "<-read-sleep",
                               "value = 1000",
                               "<-read-guard",
                               "->read-guard",
                               "<-write-guard",
                           }));
}

TEST(demo, the_reader_sees_what_the_writer_put_a_second_ago) {
  std::vector<std::string> values;
  for (auto const& line : transcript(4))
    if (line.starts_with("value")) values.push_back(line);
  EXPECT_EQ(values, (std::vector<std::string>{"value = null", "value = 1000", "value = 2000", "value = 3000"}));
}

}  // namespace
}  // namespace holdfast::server
