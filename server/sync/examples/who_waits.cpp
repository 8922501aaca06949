// A policy that observes the lock: who waited, for how long, behind whom. Without a policy, no such code is generated.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <holdfast/sync/mutex.hpp>
#include <iostream>
#include <string_view>

namespace asio = boost::asio;

struct print {
  using identity = std::string_view;
  using event = holdfast::sync::lock_event<identity>;
  void granted(event const& e) noexcept {
    std::cout << e.who << " owns it, " << e.waiting << " still wait";
    if (!e.previous_owner.empty()) std::cout << ", after " << e.previous_owner;
    std::cout << '\n';
  }
};
using mutex = holdfast::sync::basic_mutex<print>;

asio::awaitable<void> work(mutex& m, std::string_view name) {
  auto const lock = co_await m.async_lock(name, asio::use_awaitable);
  co_await asio::post(asio::use_awaitable);
}

int main() {
  asio::io_context context;
  mutex m;
  for (std::string_view const name : {"ada", "barbara", "grace"}) {
    asio::co_spawn(context, work(m, name), asio::detached);
  }
  context.run();
}
