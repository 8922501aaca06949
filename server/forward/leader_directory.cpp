#include "server/forward/leader_directory.hpp"

#include <algorithm>
#include <utility>

#include "server/net/dial.hpp"

namespace holdfast::server {
namespace {

/// Parses http[s]://HOST[:PORT], with brackets around an IPv6 address, and looks up the host. @return null if the URL
/// is invalid or the host unknown.
std::shared_ptr<leader_address const> address_of(std::string_view url) {
  constexpr std::string_view plain = "http://", secure = "https://";
  auto const is_tls = url.starts_with(secure);
  auto const scheme = is_tls ? secure : plain;
  if (!url.starts_with(scheme)) return nullptr;
  auto authority = url.substr(scheme.size());
  if (authority.ends_with('/')) authority.remove_suffix(1);
  auto host = authority;
  std::string_view port = is_tls ? "443" : "80";
  auto const colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty() || port.empty()) return nullptr;
  auto addresses = look_up(std::string(host), std::string(port));
  if (addresses.empty()) return nullptr;
  return std::make_shared<leader_address const>(
      leader_address{std::string(url), std::string(host), is_tls, std::move(addresses)});
}

}  // namespace

void leader_directory::set_unknown() {
  set(nullptr);
}

bool leader_directory::set_elsewhere(std::string_view url) {
  auto leader = address_of(url);
  auto const is_known = leader != nullptr;
  set(std::move(leader));
  return is_known;
}

void leader_directory::set(std::shared_ptr<leader_address const> leader) {
  std::lock_guard const lock(mutex_);
  auto const url = [](auto const& one) { return one ? std::string_view(one->url) : std::string_view(); };
  auto const is_same = url(leader) == url(leader_);
  leader_ = std::move(leader);
  if (is_same) return;
  is_known_.store(leader_ != nullptr, std::memory_order_release);
  version_.fetch_add(1, std::memory_order_acq_rel);
  for (auto* const one : listeners_) one->ring();
}

leader_directory::view leader_directory::look() const {
  std::lock_guard const lock(mutex_);
  return {leader_, version_.load(std::memory_order_relaxed)};
}

void leader_directory::add_listener(wake_up& one) {
  std::lock_guard const lock(mutex_);
  listeners_.push_back(&one);
}

void leader_directory::remove_listener(wake_up& one) noexcept {
  std::lock_guard const lock(mutex_);
  std::erase(listeners_, &one);
}

}  // namespace holdfast::server
