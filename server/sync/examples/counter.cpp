// Two coroutines share a value and await while they own it. Prints the owners in the order in which they asked.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <holdfast/sync/guarded.hpp>

namespace asio = boost::asio;
using holdfast::sync::guarded;

asio::awaitable<void> add(guarded<int>& counter, char const* name) {
  for (int i = 0; i < 2; ++i) {
    auto held = co_await counter.async_lock(asio::use_awaitable);
    int const seen = *held;
    // Other coroutines run meanwhile. They may ask for the lock, but must wait.
    asio::steady_timer pause(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
    co_await pause.async_wait(asio::use_awaitable);
    *held = seen + 1;
    std::printf("%s made it %d\n", name, *held);
  }  // ownership passes to the oldest waiter
}

int main() {
  asio::io_context context;
  guarded<int> counter;
  asio::co_spawn(context, add(counter, "first"), asio::detached);
  asio::co_spawn(context, add(counter, "second"), asio::detached);
  context.run();
}
