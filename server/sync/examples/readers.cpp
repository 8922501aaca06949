// Readers own the lock together, writers alone. Nobody overtakes: later readers do not starve a waiting writer.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <holdfast/sync/shared_guarded.hpp>
#include <string>

namespace asio = boost::asio;
using page = holdfast::sync::shared_guarded<std::string>;

asio::awaitable<void> read(page& text, int number) {
  auto const held = co_await text.async_lock_shared(asio::use_awaitable);
  std::printf("reader %d begins\n", number);
  co_await asio::post(asio::use_awaitable);
  std::printf("reader %d read '%s'\n", number, held->c_str());
}

asio::awaitable<void> write(page& text, std::string fresh) {
  auto held = co_await text.async_lock(asio::use_awaitable);
  *held = std::move(fresh);
  std::printf("written\n");
}

int main() {
  asio::io_context context;
  page text(std::string("old"));
  asio::co_spawn(context, read(text, 1), asio::detached);
  asio::co_spawn(context, read(text, 2), asio::detached);
  asio::co_spawn(context, write(text, "new"), asio::detached);
  asio::co_spawn(context, read(text, 3), asio::detached);
  context.run();
}
