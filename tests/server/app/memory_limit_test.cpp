#include "server/app/memory_limit.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <limits>

namespace holdfast::server {
namespace {

constexpr std::uint64_t mib = 1024 * 1024;
constexpr auto unknown = std::numeric_limits<std::uint64_t>::max();

/// The format of Linux; 8 GiB.
constexpr auto const* meminfo =
    "MemTotal:        8388608 kB\n"
    "MemFree:          123456 kB\n"
    "MemAvailable:    4567890 kB\n"
    "Active(anon):      99999 kB\n"
    "HugePages_Total:       0\n"
    "Hugepagesize:       2048 kB\n";

/// A cgroup file system made for the test.
class memory_limit : public testing::Test {
 protected:
  memory_limit() {
    auto pattern = (std::filesystem::temp_directory_path() / "holdfast-cgroup-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  ~memory_limit() override { std::filesystem::remove_all(root_); }

  void write(std::string const& file, std::string const& text) const {
    std::filesystem::create_directories((root_ + file).substr(0, (root_ + file).rfind('/')));
    std::ofstream(root_ + file) << text << '\n';
  }

  [[nodiscard]] std::uint64_t bytes(std::string const& self_cgroup, std::string const& machine = meminfo) const {
    return memory_bytes_of(machine, self_cgroup, root_);
  }

 private:
  std::string root_;
};

TEST_F(memory_limit, is_that_of_the_machine_where_no_group_has_one) {
  EXPECT_EQ(bytes(""), 8192 * mib);
  EXPECT_EQ(bytes("0::/\n"), 8192 * mib);
  EXPECT_EQ(bytes("0::/a/b\n"), 8192 * mib);
  EXPECT_EQ(bytes("4:memory:/a\n"), 8192 * mib);
}

TEST_F(memory_limit, finds_the_machine_s_wherever_it_stands_in_the_list) {
  EXPECT_EQ(bytes("", "Before: 1 kB\nHugePages_Total: 7\nMemTotal: 2048 kB\nAfter: 2 kB\n"), 2 * mib);
}

TEST_F(memory_limit, is_the_largest_number_where_nothing_tells) {
  EXPECT_EQ(bytes("", ""), unknown);
  EXPECT_EQ(bytes("0::/a\n", "not what was expected\n"), unknown);
}

TEST_F(memory_limit, is_that_of_the_group_of_version_2) {
  write("/a/memory.max", std::to_string(512 * mib));
  EXPECT_EQ(bytes("0::/a\n"), 512 * mib);
  EXPECT_EQ(bytes("0::/b\n"), 8192 * mib) << "another group's";
  EXPECT_EQ(bytes("0::/a\n", ""), 512 * mib) << "without the machine's";
}

TEST_F(memory_limit, is_that_of_the_group_of_version_1) {
  write("/memory/a/memory.limit_in_bytes", std::to_string(512 * mib));
  EXPECT_EQ(bytes("9:pids:/\n4:memory:/a\n1:cpu,cpuacct:/\n0::/\n"), 512 * mib);
  EXPECT_EQ(bytes("4:memory:/b\n"), 8192 * mib);
}

TEST_F(memory_limit, each_version_has_files_of_its_own) {
  write("/a/memory.limit_in_bytes", "1");
  write("/a/memory.max", std::to_string(512 * mib));
  write("/memory/a/memory.max", "1");
  write("/memory/a/memory.limit_in_bytes", std::to_string(256 * mib));
  EXPECT_EQ(bytes("0::/a\n"), 512 * mib);
  EXPECT_EQ(bytes("4:memory:/a\n"), 256 * mib);
  EXPECT_EQ(bytes("3:cpuset:/a\n"), 8192 * mib) << "a group of another controller";
  EXPECT_EQ(bytes("0::/a\n4:memory:/a\n"), 256 * mib) << "the least of both";
}

TEST_F(memory_limit, max_is_none) {
  write("/memory.max", "max");
  write("/a/memory.max", "max");
  EXPECT_EQ(bytes("0::/a\n"), 8192 * mib);
  write("/memory/a/memory.limit_in_bytes", "9223372036854771712");  // version 1 has no word for no limit
  EXPECT_EQ(bytes("4:memory:/a\n"), 8192 * mib);
}

TEST_F(memory_limit, the_least_of_nested_groups_counts_wherever_it_is) {
  write("/memory.max", std::to_string(700 * mib));
  write("/a/memory.max", std::to_string(600 * mib));
  write("/a/b/memory.max", std::to_string(500 * mib));
  EXPECT_EQ(bytes("0::/a/b\n"), 500 * mib);
  write("/a/b/memory.max", "max");
  EXPECT_EQ(bytes("0::/a/b\n"), 600 * mib) << "the parent's";
  EXPECT_EQ(bytes("0::/a/b/c\n"), 600 * mib) << "one whose group has no file";
  write("/memory.max", std::to_string(400 * mib));
  EXPECT_EQ(bytes("0::/a/b\n"), 400 * mib) << "the root's, which is a container's own";
  EXPECT_EQ(bytes("0::/\n"), 400 * mib);
}

TEST_F(memory_limit, the_least_of_nested_groups_counts_in_version_1_too) {
  write("/memory/memory.limit_in_bytes", std::to_string(400 * mib));
  write("/memory/docker/memory.limit_in_bytes", std::to_string(300 * mib));
  EXPECT_EQ(bytes("4:memory:/docker/4f5a\n"), 300 * mib);
  EXPECT_EQ(bytes("4:memory:/other\n"), 400 * mib) << "the path is the host's, and the root the container's";
}

TEST_F(memory_limit, a_group_above_the_machine_s_memory_does_not_count) {
  write("/a/memory.max", std::to_string(16384 * mib));
  EXPECT_EQ(bytes("0::/a\n"), 8192 * mib);
}

TEST_F(memory_limit, lines_that_are_none_are_passed_over) {
  write("/a/memory.max", std::to_string(512 * mib));
  EXPECT_EQ(bytes("\nnonsense\n1:half\n0::/a\n"), 512 * mib);
}

TEST_F(memory_limit, a_colon_in_a_group_s_name_belongs_to_it) {
  write("/a:b/memory.max", std::to_string(512 * mib));
  EXPECT_EQ(bytes("0::/a:b\n"), 512 * mib);
}

TEST(default_memory_limit, is_less_than_what_the_machine_has) {
  std::ifstream file("/proc/meminfo");
  std::string const text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_GT(default_memory_bytes_max(), 0U);
  EXPECT_LE(default_memory_bytes_max(), memory_bytes_of(text, "", "") / 4 * 3);
}

}  // namespace
}  // namespace holdfast::server
