#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <holdfast/sync/detail/lock_core.hpp>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/mutex.hpp>
#include <utility>

// The core on a machine whose pauses belong to the test, which performs the steps of other threads in them.
namespace holdfast::sync {
namespace {

struct scripted_machine {
  template <class T>
  using atomic = std::atomic<T>;
  template <class T>
  using plain = T;
  using backoff = detail::std_atomics::backoff;
  static constexpr unsigned looks_max = 5;

  static void pause() {
    ++pauses;
    if (meanwhile) meanwhile();
  }
  inline static unsigned pauses = 0;
  inline static std::function<void()> meanwhile;
};

class spinning_test : public testing::Test {
 protected:
  spinning_test() {
    scripted_machine::pauses = 0;
    EXPECT_TRUE(core_.try_acquire());
  }
  ~spinning_test() override { scripted_machine::meanwhile = nullptr; }

  void in_pause(unsigned number, std::function<void()> happens) {
    scripted_machine::meanwhile = [number, happens = std::move(happens)] {
      if (scripted_machine::pauses == number) happens();
    };
  }

  detail::lock_core<scripted_machine> core_;
  detail::queue_node<scripted_machine> waiter_;
};

TEST_F(spinning_test, free_lock_is_taken_without_a_pause) {
  EXPECT_TRUE(core_.try_release());
  EXPECT_TRUE(core_.try_acquire_spinning());
  EXPECT_EQ(scripted_machine::pauses, 0u);
  EXPECT_FALSE(core_.try_acquire());
}

TEST_F(spinning_test, lock_that_is_released_meanwhile_is_taken) {
  for (unsigned const pause : {1u, scripted_machine::looks_max}) {
    scripted_machine::pauses = 0;
    in_pause(pause, [&] { EXPECT_TRUE(core_.try_release()); });
    EXPECT_TRUE(core_.try_acquire_spinning());
    EXPECT_EQ(scripted_machine::pauses, pause);
  }
}

TEST_F(spinning_test, owner_that_does_not_release_is_looked_at_a_bounded_number_of_times) {
  EXPECT_FALSE(core_.try_acquire_spinning());
  EXPECT_EQ(scripted_machine::pauses, scripted_machine::looks_max);
}

TEST_F(spinning_test, lock_that_is_released_and_taken_again_is_looked_at_no_more_often) {
  scripted_machine::meanwhile = [&] { EXPECT_TRUE(core_.try_release() && core_.try_acquire()); };
  EXPECT_FALSE(core_.try_acquire_spinning());
  EXPECT_EQ(scripted_machine::pauses, scripted_machine::looks_max);
}

TEST_F(spinning_test, who_waits_already_is_not_overtaken) {
  EXPECT_FALSE(core_.acquire_or_enqueue(waiter_));
  EXPECT_FALSE(core_.try_acquire_spinning());
  EXPECT_EQ(scripted_machine::pauses, 0u);
}

TEST_F(spinning_test, gives_up_as_soon_as_somebody_waits) {
  in_pause(2, [&] { EXPECT_FALSE(core_.acquire_or_enqueue(waiter_)); });
  EXPECT_FALSE(core_.try_acquire_spinning());
  EXPECT_EQ(scripted_machine::pauses, 2u);
  EXPECT_EQ(core_.release([](auto&) {}), &waiter_);
}

template <class Function>
std::chrono::steady_clock::duration quickest(Function&& function) {
  auto least = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < 1000; ++i) {
    auto const start = std::chrono::steady_clock::now();
    function();
    least = std::min(least, std::chrono::steady_clock::now() - start);
  }
  return least;
}

// The real machine cannot be scripted, but its pauses must take time.
TEST(spinning_mutex_test, mutex_that_stays_held_is_looked_at_for_as_long_as_the_pauses_take) {
  mutex m;
  guarded<int> g;
  auto const held = m.try_lock();
  auto const held_value = g.try_lock();
  auto const pauses = quickest([] {
    for (unsigned i = 0; i != detail::std_atomics::looks_max; ++i) detail::std_atomics::pause();
  });
  EXPECT_GE(quickest([&] { EXPECT_FALSE(m.try_lock_spinning()); }), pauses / 2);
  EXPECT_GE(quickest([&] { EXPECT_FALSE(g.try_lock_spinning()); }), pauses / 2);
}

}  // namespace
}  // namespace holdfast::sync
