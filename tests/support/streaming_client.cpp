#include "tests/support/streaming_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/stopwatch.hpp"

namespace holdfast::tests {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t block_bytes = 256 * 1024;

std::string repeated(std::string_view request) {
  std::string bytes;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, block_bytes / request.size()); ++i) bytes += request;
  return bytes;
}

int connect_to(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int const one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (one < 0 || ::connect(one, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("can't connect");
  return one;
}

}  // namespace

streaming_client::streaming_client(std::uint16_t port, std::string_view request)
    : bytes_(repeated(request)), socket_(connect_to(port)), thread_([this] { run(); }) {
  stopwatch const watch;
  while (received_ == 0) {
    if (watch.elapsed_ms() > std::chrono::milliseconds(raw_client::patience).count())
      throw std::runtime_error("the streaming client gets no answers");
    std::this_thread::sleep_for(1ms);
  }
}

streaming_client::~streaming_client() {
  stop_ = true;
  thread_.join();
  ::close(socket_);
}

void streaming_client::run() {
  stopwatch const watch;
  while (!stop_ && watch.elapsed_ms() < std::chrono::milliseconds(lifetime).count()) {
    auto const goes_on = send_some() && receive_some();
    if (!goes_on) break;
    pollfd wanted{socket_, POLLIN | POLLOUT, 0};
    ::poll(&wanted, 1, 10);
  }
  streaming_ = false;
  ::shutdown(socket_, SHUT_RDWR);
}

/// @return false if the connection is gone.
bool streaming_client::send_some() {
  auto const sent = ::send(socket_, bytes_.data() + sent_, bytes_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) return errno == EAGAIN || errno == EINTR;
  sent_ = (sent_ + static_cast<std::size_t>(sent)) % bytes_.size();
  return true;
}

/// @return false if the connection is gone.
bool streaming_client::receive_some() {
  static thread_local std::vector<char> room(block_bytes);
  auto const got = ::recv(socket_, room.data(), room.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  received_ += static_cast<std::uint64_t>(got);
  return got > 0;
}

}  // namespace holdfast::tests
