#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <holdfast/sync/executor_traits.hpp>
#include <holdfast/sync/guarded.hpp>
#include <holdfast/sync/mutex.hpp>
#include <holdfast/sync/shared_guarded.hpp>
#include <holdfast/sync/shared_mutex.hpp>

namespace asio = boost::asio;

asio::awaitable<void> add(holdfast::sync::guarded<int>& value) {
  auto held = co_await value.async_lock(asio::use_awaitable);
  ++*held;
}

int main() {
  asio::io_context context;
  holdfast::sync::guarded<int> value;
  asio::co_spawn(context, add(value), asio::detached);
  asio::co_spawn(context, add(value), asio::detached);
  context.run();
  std::printf("%d\n", *value.try_lock());
}
