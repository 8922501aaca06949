#include "server/forward/upstream_pool.hpp"

#include <utility>

#include "server/net/dial.hpp"

namespace holdfast::server {

upstream_pool::upstream_pool(event_loop& loop, leader_directory& leaders, forward_settings const& settings,
                             forward_figures& figures)
    : loop_(loop),
      leaders_(leaders),
      settings_(settings),
      figures_(figures),
      leader_changed_(loop, [this] { on_change(); }),
      reads_(loop, *this) {
  leaders_.add_listener(leader_changed_);
  leader_changed_.arm();
}

upstream_pool::~upstream_pool() {
  leaders_.remove_listener(leader_changed_);
  drop_kept();
}

void upstream_pool::forget_waiting() noexcept {
  for (auto& one : in_use_) one.link().forget_waiting();
  reads_.forget_waiting();
}

upstream_pool::lease upstream_pool::take_kept() noexcept {
  auto const version = leaders_.version();
  while (!kept_.empty()) {
    lease one(&kept_.back());
    one->unlink();
    if (one->version() != version) continue;
    in_use_.push_back(*one);
    one->link().work();
    return one;
  }
  return nullptr;
}

awaitable<upstream_pool::lease> upstream_pool::connect() {
  auto const [leader, version] = leaders_.look();
  auto const due = connection::clock::now() + settings_.connect_timeout;
  if (!leader) co_return nullptr;
  for (auto const& address : leader->addresses) {
    auto socket = dial(address);
    if (socket.get() < 0) continue;
    auto one = std::make_unique<upstream>(std::move(socket), loop_, leader, version, settings_.transfer_timeout);
    if (!one->link().open()) break;
    one->link().work();
    in_use_.push_back(*one);
    auto const connected = co_await one->link().finish_connect(due);
    if (connected == io_result::done) {
      figures_.connections.fetch_add(1, std::memory_order_relaxed);
      co_return one;
    }
    if (leaders_.version() != version) break;
  }
  co_return nullptr;
}

void upstream_pool::give_back(lease one) noexcept {
  if (one->version() != leaders_.version()) return;
  one->unlink();
  auto& kept = *one.release();
  kept_.push_back(kept);
  kept.link().rest(connection::clock::now() + settings_.idle_timeout);
}

void upstream_pool::on_change() {
  leader_changed_.arm();
  auto const version = leaders_.version();
  drop_kept();
  // Closing a connection resumes its request, which may end or take another connection.
  upstreams earlier;
  earlier.splice(earlier.end(), in_use_);
  while (!earlier.empty()) {
    auto& one = earlier.front();
    one.unlink();
    in_use_.push_back(one);
    if (one.version() != version) one.link().close();
  }
}

}  // namespace holdfast::server
