#include "server/forward/upstream_pool.hpp"

#include <cassert>
#include <utility>

#include "server/log/log.hpp"
#include "server/net/dial.hpp"

namespace holdfast::server {
namespace {

constexpr std::chrono::seconds warning_interval{10};

}  // namespace

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
    // The leader may have closed it in this turn of the loop.
    char unexpected = 0;
    if (one->version() != version || one->link().read_some({&unexpected, 1})) continue;
    in_use_.push_back(*one);
    one->link().work();
    return one;
  }
  return nullptr;
}

awaitable<protocol::result<upstream_pool::lease>> upstream_pool::connect() {
  auto const [leader, version] = leaders_.look();
  auto const due = connection::clock::now() + settings_.connect_timeout;
  protocol::failure refused{protocol::errc::no_leader, std::string(no_leader_known(leaders_.is_cut_off()))};
  if (!leader) co_return refused;
  refused.detail = "the leader of the cluster cannot be reached; nothing was changed. Retry";
  for (auto const& address : leader->addresses) {
    auto socket = dial(address);
    if (socket.get() < 0) continue;
    auto one = std::make_unique<upstream>(std::move(socket), loop_, leader, version, settings_.transfer_timeout);
    if (!one->link().open()) break;
    one->link().work();
    in_use_.push_back(*one);
    auto const is_open = co_await open(*one, due, refused.detail);
    if (is_open) {
      figures_.connections.fetch_add(1, std::memory_order_relaxed);
      co_return std::move(one);
    }
    if (leaders_.version() != version) break;
  }
  co_return refused;
}

/// @param why is replaced if TLS is the reason for a failure.
awaitable<bool> upstream_pool::open(upstream& one, connection::clock::time_point due, std::string& why) {
  auto& link = one.link();
  auto const& leader = one.leader();
  auto const connected = co_await link.finish_connect(due);
  if (connected != io_result::done || !leader.is_tls) co_return connected == io_result::done;
  assert(settings_.trust != nullptr);
  auto const context = settings_.trust->current();
  auto const secured = co_await link.connect_tls(context, leader.host, due);
  if (secured == io_result::done) co_return true;
  if (one.version() != leaders_.version()) co_return false;  // closed, because there is another leader
  auto const reason = secured == io_result::timed_out
                          ? "the handshake took too long"
                          : link.tls_failure({.ca = "--cluster-ca", .certificate = "--tls-cert and --tls-key"});
  why = "no TLS connection to the leader of the cluster: " + reason + ". Nothing was changed";
  if (auto const now = connection::clock::now(); now >= next_warning_at_) {
    next_warning_at_ = now + warning_interval;
    log_warn("no tls connection to the leader", {{"leader", leader.url}, {"error", reason}});
  }
  co_return false;
}

void upstream_pool::give_back(lease one) noexcept {
  if (one->version() != leaders_.version() || one->link().has_unread()) return;
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
    // A leader that hands over has answered everything, perhaps just now.
    if (one.version() != version) one.link().close_after_input();
  }
}

}  // namespace holdfast::server
