#include "server/access/line_log.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace holdfast::server {
namespace {

struct log_file : testing::Test {
  log_file() { std::filesystem::create_directory(directory); }
  ~log_file() override { std::filesystem::remove_all(directory); }

  static std::string text_of(std::string const& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }
  /// Text that another thread is about to write.
  static bool comes(std::string const& file, std::string const& what) {
    for (int i = 0; i < 5000; ++i) {
      if (text_of(file).find(what) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  std::string const directory = testing::TempDir() + "line_log." + std::to_string(::getpid());
  std::string const path = directory + "/audit.log";
};

TEST_F(log_file, has_all_lines_when_the_log_ends) {
  {
    line_log log(path);
    for (int i = 0; i < 1000; ++i) log.write("{\"n\":" + std::to_string(i) + "}\n");
  }
  auto const text = text_of(path);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1000);
  EXPECT_TRUE(text.ends_with("{\"n\":999}\n"));
}

TEST_F(log_file, is_added_to_and_nobody_elses_business) {
  {
    line_log(path).write("a\n");
  }
  {
    line_log(path).write("b\n");
  }
  EXPECT_EQ(text_of(path), "a\nb\n");
  struct stat about{};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07U, 0U);
}

TEST_F(log_file, is_made_anew_when_it_was_renamed) {
  line_log log(path);
  log.write("before\n");
  ASSERT_TRUE(comes(path, "before"));
  std::filesystem::rename(path, path + ".1");
  ASSERT_TRUE(log.reopen());
  log.write("after\n");
  EXPECT_TRUE(comes(path, "after"));
  EXPECT_EQ(text_of(path + ".1"), "before\n");
}

TEST_F(log_file, that_cannot_be_opened_is_named) {
  try {
    line_log const log(directory + "/none/audit.log");
    FAIL();
  } catch (std::runtime_error const& error) {
    EXPECT_NE(std::string(error.what()).find("none/audit.log"), std::string::npos);
  }
}

// A disk that takes nothing, simulated by a limit on the size of files.
TEST_F(log_file, on_a_full_disk_costs_lines_and_says_how_many) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto const full = rlimit{100, before.rlim_max};
  {
    line_log log(path);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
    std::string const line = std::string(1023, 'x') + '\n';
    for (std::size_t i = 0; i < 3 * line_log::waiting_bytes_max / line.size(); ++i) log.write(line);
    EXPECT_GT(log.dropped(), 1000U);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    // Waiting lines are written when there is space again, followed by the number of dropped lines.
    for (int i = 0; i < 5000 && std::filesystem::file_size(path) < line_log::waiting_bytes_max; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    log.write("again\n");
    EXPECT_TRUE(comes(path, "{\"dropped\":"));
  }
  EXPECT_TRUE(text_of(path).ends_with("again\n"));
}

}  // namespace
}  // namespace holdfast::server
