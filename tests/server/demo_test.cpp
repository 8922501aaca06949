#include "server/demo.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <vector>

#include "tests/support/virtual_clock.hpp"

namespace holdfast::server {
namespace {

using tests::run_virtually, tests::virtual_timer;

std::vector<std::string> transcript(unsigned rounds) {
  std::vector<std::string> lines;
  asio::io_context io(1);
  demo<virtual_timer> story(rounds, [&](std::string_view line) { lines.emplace_back(line); });
  asio::co_spawn(io, story.read(), [&io](std::exception_ptr const&) { io.stop(); });
  asio::co_spawn(io, story.write(), asio::detached);
  run_virtually(io, std::chrono::seconds(rounds + 1));
  EXPECT_TRUE(io.stopped()) << "the reader did not come to its end";
  return lines;
}

// The order that the tutorial prints. Two things can be read off it: the lock is handed over and the new owner runs
// later
// (->read-guard stands before <-write-guard), and who asked first is served first (the writer, although the reader asks
// again at once).
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
