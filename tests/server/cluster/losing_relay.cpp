#include "tests/server/cluster/losing_relay.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::tests {

namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    auto const sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

struct connection {
  int client, etcd;
};

}  // namespace

losing_relay::losing_relay(std::string const& url_of_etcd)
    : etcd_port_(static_cast<std::uint16_t>(std::stoi(url_of_etcd.substr(url_of_etcd.rfind(':') + 1)))),
      listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  auto address = loopback(0);
  ::bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::listen(listening_, SOMAXCONN);
  socklen_t size = sizeof address;
  ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
  url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this] { run(); });
}

losing_relay::~losing_relay() {
  std::uint64_t const one = 1;
  static_cast<void>(!::write(stop_, &one, sizeof one));
  thread_.join();
  ::close(listening_);
  ::close(stop_);
}

void losing_relay::run() {
  std::vector<connection> open;
  std::array<char, 65536> buffer;
  // Passes on what has arrived. @return false when the connection has ended.
  auto const passes = [&](int from, int to, bool is_answer) {
    auto const count = ::recv(from, buffer.data(), buffer.size(), 0);
    if (count <= 0) return false;
    if (is_answer && to_lose_ > 0) {
      --to_lose_;
      return false;
    }
    return send_all(to, {buffer.data(), static_cast<std::size_t>(count)});
  };
  for (;;) {
    std::vector<pollfd> all{{stop_, POLLIN, 0}, {listening_, POLLIN, 0}};
    for (auto const& one : open) {
      all.push_back({one.client, POLLIN, 0});
      all.push_back({one.etcd, POLLIN, 0});
    }
    ::poll(all.data(), all.size(), -1);
    if (all[0].revents != 0) break;
    std::vector<connection> still_open;
    for (std::size_t at = 0; at < open.size(); ++at) {
      auto const [client, etcd] = open[at];
      auto const goes_on = (all[2 + 2 * at].revents == 0 || passes(client, etcd, false)) &&
                           (all[3 + 2 * at].revents == 0 || passes(etcd, client, true));
      if (goes_on) {
        still_open.push_back(open[at]);
        continue;
      }
      ::close(client);
      ::close(etcd);
    }
    open = std::move(still_open);
    if (all[1].revents == 0) continue;
    connection const next{::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC),
                          ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto const address = loopback(etcd_port_);
    ::connect(next.etcd, reinterpret_cast<sockaddr const*>(&address), sizeof address);
    open.push_back(next);
  }
  for (auto const& one : open) {
    ::close(one.client);
    ::close(one.etcd);
  }
}

}  // namespace holdfast::tests
