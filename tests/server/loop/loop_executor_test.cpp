#include "server/loop/loop_executor.hpp"

#include <gtest/gtest.h>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/is_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/strand.hpp>
#include <cstddef>
#include <memory>
#include <new>
#include <string>

#include "server/loop/timer.hpp"

namespace holdfast::server {
namespace {

namespace execution = asio::execution;
using executor = loop_executor;

static_assert(execution::is_executor<executor>::value);
static_assert(std::is_nothrow_copy_constructible_v<executor> && std::is_nothrow_move_constructible_v<executor>);
static_assert(std::equality_comparable<executor>);
static_assert(sizeof(executor) == sizeof(void*));

static_assert(asio::can_query_v<executor, execution::context_t>);
static_assert(asio::can_require_v<executor, execution::blocking_t::never_t>);
static_assert(asio::can_require_v<executor, execution::blocking_t::possibly_t>);
static_assert(!asio::can_require_v<executor, execution::blocking_t::always_t>);
static_assert(asio::can_require_v<executor, execution::relationship_t::fork_t>);
static_assert(asio::can_require_v<executor, execution::relationship_t::continuation_t>);
static_assert(asio::can_require_v<executor, execution::outstanding_work_t::untracked_t>);
static_assert(asio::can_prefer_v<executor, execution::outstanding_work_t::tracked_t>);
static_assert(asio::can_require_v<executor, execution::allocator_t<std::allocator<int>>>);
static_assert(asio::can_require_v<executor, execution::allocator_t<void>>);

using never = std::decay_t<asio::require_result<executor, execution::blocking_t::never_t>::type>;
static_assert(execution::is_executor<never>::value);
TEST(loop_executor, answers_what_it_is) {
  event_loop loop;
  auto const plain = loop.get_executor();
  EXPECT_EQ(&asio::query(plain, execution::context), &loop);
  EXPECT_EQ(asio::query(plain, execution::blocking), execution::blocking.possibly);
  EXPECT_EQ(asio::query(plain, execution::relationship), execution::relationship.fork);
  EXPECT_EQ(asio::query(plain, execution::outstanding_work), execution::outstanding_work.untracked);
  EXPECT_EQ(asio::query(plain, execution::mapping), execution::mapping.thread);

  auto const other = asio::require(plain, execution::blocking.never, execution::relationship.continuation);
  EXPECT_EQ(asio::query(other, execution::blocking), execution::blocking.never);
  EXPECT_EQ(asio::query(other, execution::relationship), execution::relationship.continuation);
  auto const back = asio::require(other, execution::blocking.possibly, execution::relationship.fork);
  EXPECT_EQ(back, plain);
}

TEST(loop_executor, is_equal_to_others_of_its_loop_alone) {
  event_loop one, other;
  EXPECT_EQ(one.get_executor(), one.get_executor());
  EXPECT_NE(one.get_executor(), other.get_executor());
}

TEST(loop_executor, never_blocks_where_it_must_not) {
  event_loop loop;
  std::string order;
  asio::post(loop, [&] {
    asio::require(loop.get_executor(), execution::blocking.never).execute([&] { order += 'b'; });
    order += 'a';
  });
  loop.poll();
  EXPECT_EQ(order, "ab");
}

TEST(loop_executor, takes_functions_that_can_only_be_moved) {
  event_loop loop;
  int got = 0;
  asio::post(loop, [&got, owned = std::make_unique<int>(7)] { got = *owned; });
  loop.poll();
  EXPECT_EQ(got, 7);
}

/// Reports whether its single block is in use.
template <class T>
struct one_block {
  using value_type = T;
  explicit one_block(bool& t) noexcept : taken(&t) {}
  template <class U>
  one_block(one_block<U> const& other) noexcept : taken(other.taken) {}
  T* allocate(std::size_t count) {
    *taken = true;
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* block, std::size_t count) noexcept {
    *taken = false;
    std::allocator<T>().deallocate(block, count);
  }
  template <class U>
  bool operator==(one_block<U> const& other) const noexcept {
    return taken == other.taken;
  }
  bool* taken;
};

TEST(loop_executor, uses_the_handlers_allocator_and_frees_before_it_calls) {
  event_loop loop;
  bool taken = false, ran = false;
  asio::post(loop, asio::bind_allocator(one_block<void>(taken), [&] {
               EXPECT_FALSE(taken);
               ran = true;
             }));
  EXPECT_TRUE(taken);
  loop.poll();
  EXPECT_TRUE(ran);
}

TEST(loop_executor, what_is_aligned_more_than_usual_stays_so) {
  struct alignas(128) wide {
    char bytes[128] = {};
  };
  event_loop loop;
  bool ran = false;
  for (int i = 0; i < 3; ++i)
    asio::post(loop, [w = wide(), &ran] {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&w) % 128, 0U);
      ran = true;
    });
  loop.poll();
  EXPECT_TRUE(ran);
}

TEST(loop_executor, works_behind_asios_type_erased_ones) {
  event_loop loop;
  std::string order;
  asio::any_io_executor const any = loop.get_executor();
  asio::post(any, [&] { order += 'a'; });
  asio::defer(any, [&] { order += 'b'; });
  auto const strand = asio::make_strand(any);
  asio::post(strand, [&] { order += 'c'; });
  loop.poll();
  EXPECT_EQ(order, "abc");
}

TEST(loop_executor, completes_any_completion_handler) {
  event_loop loop;
  bool ran = false;
  timer one(loop);
  asio::any_completion_handler<void(boost::system::error_code)> handler = [&](auto) { ran = true; };
  one.async_wait(std::move(handler));
  loop.poll();
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace holdfast::server
