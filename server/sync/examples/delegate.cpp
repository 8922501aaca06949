// Short sections from two threads with an io_context each. Sections passed as functions need no hand-off to a sleeping
// thread: the thread that releases the lock runs them, in order of arrival.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <holdfast/sync/guarded.hpp>
#include <map>
#include <string>
#include <thread>

namespace asio = boost::asio;
using words = holdfast::sync::guarded<std::map<std::string, int>>;

asio::awaitable<void> count(words& all, std::string word) {
  auto const add = [&word](auto& counts) { return ++counts[word]; };
  int latest = 0;
  while (latest < 10'000) latest = co_await all.async_run(add, asio::use_awaitable);
}

int main() {
  words all;
  asio::io_context first;
  asio::io_context second;
  asio::co_spawn(first, count(all, "lock"), asio::detached);
  asio::co_spawn(second, count(all, "key"), asio::detached);
  std::thread other([&] { second.run(); });
  first.run();
  other.join();
  auto const counts = all.try_lock();  // a named lock gives a reference; a temporary one would give a copy
  for (auto const& [word, times] : *counts) std::printf("%s %d\n", word.c_str(), times);
}
