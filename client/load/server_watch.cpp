#include "client/load/server_watch.hpp"

#include <boost/asio/co_spawn.hpp>
#include <exception>

#include "client/liveness.hpp"

namespace holdfast::client::load {

server_watch::server_watch(executor on, std::vector<endpoint> const& servers) : on_(on) {
  for (auto const& one : servers) servers_.push_back({.server = one});
}

bool server_watch::is_silent(std::size_t server, time_point sent, time_point now) {
  if (now - sent < first_doubt) return false;
  std::lock_guard const guard(mutex_);
  auto& one = servers_[server];
  if (one.is_asked) return false;
  if (one.was_silent && one.asked_at > sent) return true;
  if (now - one.asked_at < first_doubt) return false;
  one.is_asked = true;
  one.asked_at = now;
  boost::asio::co_spawn(on_, ask(one), [](std::exception_ptr const& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  return false;
}

awaitable<void> server_watch::ask(watched& one) {
  auto const answered = co_await probe(on_, one.server);
  std::lock_guard const guard(mutex_);
  one.is_asked = false;
  one.was_silent = !is_there(answered);
}

}  // namespace holdfast::client::load
