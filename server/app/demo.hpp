#pragma once

#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <functional>
#include <holdfast/sync/guarded.hpp>
#include <string>
#include <string_view>

#include "server/loop/asio.hpp"
#include "server/loop/timer.hpp"
#include "server/store/database.hpp"

namespace holdfast::server {

/// The tutorial's two tasks, with the real lock and the real database. A reader holds the lock for one second at a time
/// and requests it again at once; a writer requests it every 350 ms. Both print their steps. The order of the lines
/// shows that waiters are served in order of arrival, and that the next owner runs only after the releasing task has
/// suspended.
class demo {
 public:
  using printer = std::function<void(std::string_view line)>;

  /// @param rounds number of values that the reader prints. The demo must outlive its coroutines.
  demo(unsigned rounds, printer print) : rounds_(rounds), print_(std::move(print)) {}

  /// Returns after the last round.
  awaitable<void> read() {
    data_operation const get = get_operation{"my-key"};
    timer timer(co_await asio::this_coro::executor);
    for (unsigned round = 0; round < rounds_; ++round) {
      print_("->read-guard");
      // Takes a free lock without suspending, as the tutorial does; suspending would let the writer print first.
      auto lock = data_.try_lock();
      if (!lock) {
        error_code not_granted;
        std::tie(not_granted, lock) = co_await data_.async_lock(as_values);
        if (not_granted) co_return;
      }
      print_("->read-sleep");
      timer.expires_after(std::chrono::seconds(1));
      auto [cancelled] = co_await timer.async_wait(as_values);
      if (cancelled) co_return;
      print_("<-read-sleep");
      auto const outcome = lock->apply(get);
      auto const* const found = std::get_if<value_found>(&outcome);
      print_("value = " + (found != nullptr ? *found->value : std::string("null")));
      lock.unlock();
      print_("<-read-guard");
    }
    // The tutorial's tasks run forever. This one ends after one more request, so that the last lines are those of the
    // tutorial.
    print_("->read-guard");
    auto [not_granted, lock] = co_await data_.async_lock(as_values);
  }

  /// Runs until it is cancelled.
  awaitable<void> write() {
    timer timer(co_await asio::this_coro::executor);
    auto const start = timer.now();
    for (;;) {
      print_("->write-guard");
      auto [not_granted, lock] = co_await data_.async_lock(as_values);
      if (not_granted) co_return;
      auto const elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(timer.now() - start);
      data_operation const put =
          put_operation{"my-key", std::make_shared<std::string const>(std::to_string(elapsed.count()))};
      auto const outcome = lock->apply(put);
      lock.unlock();
      print_("<-write-guard");
      timer.expires_after(std::chrono::milliseconds(350));
      auto [cancelled] = co_await timer.async_wait(as_values);
      if (cancelled) co_return;
    }
  }

 private:
  unsigned const rounds_;
  printer const print_;
  sync::guarded<database> data_;
};

/// Runs the demo on this thread with the real clock, and prints to standard output.
void run_demo(unsigned rounds);

}  // namespace holdfast::server
