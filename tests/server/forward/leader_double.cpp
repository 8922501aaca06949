#include "tests/server/forward/leader_double.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <utility>

namespace holdfast::tests {

leader_double::leader_double() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket_, any, size) != 0 || ::listen(socket_, 16) != 0 || ::getsockname(socket_, any, &size) != 0)
    throw std::runtime_error("can't listen");
  port_ = ntohs(address.sin_port);
}

leader_double::~leader_double() {
  stop_listening();
}

bool leader_double::has_another() const {
  pollfd wanted{socket_, POLLIN, 0};
  return ::poll(&wanted, 1, 0) == 1;
}

raw_client leader_double::accept() const {
  pollfd wanted{socket_, POLLIN, 0};
  if (::poll(&wanted, 1, static_cast<int>(std::chrono::milliseconds(raw_client::patience).count())) != 1)
    throw std::runtime_error("no standby has connected");
  return raw_client::of_accepted(::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC));
}

void leader_double::stop_listening() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

}  // namespace holdfast::tests
