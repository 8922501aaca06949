#include "server/app/heap_trimmer.hpp"

#include <gtest/gtest.h>

#include <malloc.h>
#include <utility>

#include <cstdint>

#include "tests/support/virtual_time.hpp"

namespace {
int trims = 0;
}

/// Replaces the allocator's function, to count calls; nothing else in this program calls it.
extern "C" int malloc_trim(std::size_t) noexcept {
  ++trims;
  return 0;
}

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t mib = 1024 * 1024;

struct heap_trimmer_test : testing::Test {
  heap_trimmer_test() {
    trims = 0;
    trimmer.start();
  }

  /// From now on it checks once a second.
  void wake() {
    used = 1;
    time.run(1s);
  }

  /// Lets a second pass, with this memory in use at its end. @return the number of trims.
  int second(std::uint64_t bytes) {
    used = bytes;
    auto const before = trims;
    time.run(1s);
    return trims - before;
  }

  std::uint64_t used = 0;
  std::uint64_t most = 0;  // since the last check
  int looks = 0;
  tests::virtual_time time;
  heap_trimmer trimmer{time.loop, [this] {
                         ++looks;
                         return heap_trimmer::use{used, std::exchange(most, used)};
                       }};
};

TEST_F(heap_trimmer_test, looks_once_a_second_while_something_changes) {
  time.run(999ms);
  EXPECT_EQ(looks, 0);
  time.run(1ms);
  EXPECT_EQ(looks, 1);
  for (std::uint64_t bytes = 1; bytes <= 10; ++bytes) second(bytes);
  EXPECT_EQ(looks, 10) << "the first look found nothing new, and the next was two seconds away";
}

// An idle server sleeps.
TEST_F(heap_trimmer_test, looks_less_and_less_often_while_nothing_changes) {
  time.run(1s + 2s + 4s + 8s + 16s);
  EXPECT_EQ(looks, 5);
  time.run(32s);
  EXPECT_EQ(looks, 7);
  used = 1;
  time.run(16s);
  EXPECT_EQ(looks, 8);
  time.run(1s);
  EXPECT_EQ(looks, 9);
}

TEST_F(heap_trimmer_test, trims_when_much_less_is_in_use_than_was) {
  wake();
  EXPECT_EQ(second(100 * mib), 0);
  EXPECT_EQ(second(68 * mib), 1);
}

TEST_F(heap_trimmer_test, leaves_the_heap_alone_while_it_grows) {
  for (std::uint64_t used_now = 0; used_now < 1000 * mib; used_now += 100 * mib) EXPECT_EQ(second(used_now), 0);
}

TEST_F(heap_trimmer_test, leaves_the_heap_alone_for_less_than_is_worth_it) {
  wake();
  EXPECT_EQ(second(100 * mib), 0);
  EXPECT_EQ(second(69 * mib), 0);
  EXPECT_EQ(second(40 * mib), 1) << "what has been freed since the most counts together";
}

TEST_F(heap_trimmer_test, leaves_a_large_heap_alone_for_less_than_a_quarter_of_it) {
  wake();
  EXPECT_EQ(second(1000 * mib), 0);
  EXPECT_EQ(second(751 * mib), 0);
  EXPECT_EQ(second(750 * mib), 1);
}

TEST_F(heap_trimmer_test, counts_anew_from_what_was_in_use_when_it_trimmed) {
  wake();
  EXPECT_EQ(second(1000 * mib), 0);
  EXPECT_EQ(second(100 * mib), 1);
  EXPECT_EQ(second(99 * mib), 0);
  EXPECT_EQ(second(69 * mib), 0);
  EXPECT_EQ(second(68 * mib), 1);
  EXPECT_EQ(second(10 * mib), 1);
}

// Many values were stored and deleted within a second, and the memory was not returned until as much was in use again.
TEST_F(heap_trimmer_test, trims_what_came_and_went_between_two_looks) {
  wake();
  most = 400 * 1024 * 1024;
  EXPECT_EQ(second(0), 1);
}

}  // namespace
}  // namespace holdfast::server
