#include "tests/support/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace holdfast::tests {
namespace {

[[noreturn]] void fail(std::string const& what, std::string const& unread) {
  throw std::runtime_error(what + "; unread so far: '" + unread.substr(0, 500) + "'");
}

}  // namespace

raw_client::raw_client(std::uint16_t port, int receive_buffer_bytes)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  int const one = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  timeval const longest{patience.count(), 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
  if (receive_buffer_bytes != 0)
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (socket_ < 0 || ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error(std::string("can't connect: ") + std::strerror(errno));
}

raw_client::~raw_client() {
  close();
}

raw_client::raw_client(raw_client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), unread_(std::move(other.unread_)) {}

raw_client& raw_client::operator=(raw_client&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(unread_, other.unread_);
  return *this;
}

bool raw_client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    auto const sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) fail("the peer does not read", unread_);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

raw_client::event raw_client::read_some() {
  pollfd wanted{socket_, POLLIN, 0};
  auto const ready = ::poll(&wanted, 1, static_cast<int>(std::chrono::milliseconds(patience).count()));
  if (ready == 0) fail("nothing came in time", unread_);
  char bytes[65536];
  auto const got = ::recv(socket_, bytes, sizeof bytes, 0);
  if (got < 0) return event::broken;
  unread_.append(bytes, static_cast<std::size_t>(got));
  return got > 0 ? event::data : event::end;
}

void raw_client::await_data() {
  switch (read_some()) {
    case event::data:
      return;
    case event::end:
      fail("the peer closed before an answer was whole", unread_);
    case event::broken:
      fail(std::string("the connection broke before an answer was whole: ") + std::strerror(errno), unread_);
  }
}

raw_reply raw_client::receive(bool to_head) {
  std::size_t end = 0;
  while ((end = unread_.find("\r\n\r\n")) == std::string::npos) await_data();
  auto reply = parse_reply_head(std::string_view(unread_).substr(0, end + 2));
  unread_.erase(0, end + 4);

  auto const length = reply.field("content-length");
  if (!to_head && !length.empty() && reply.status != 304) {
    auto const bytes = std::stoul(length);
    while (unread_.size() < bytes) await_data();
    reply.body = unread_.substr(0, bytes);
    unread_.erase(0, bytes);
  }
  if (auto const broken = broken_promise(reply, to_head); !broken.empty())
    fail("an answer with status " + std::to_string(reply.status) + ": " + broken + "; its body: '" + reply.body + "'",
         unread_);
  return reply;
}

bool raw_client::is_closed_by_peer() {
  return unread_.empty() && read_some() == event::end;
}

bool raw_client::is_dropped_by_peer() {
  return unread_.empty() && read_some() != event::data;
}

std::string raw_client::receive_rest() {
  while (read_some() == event::data) {
  }
  return std::exchange(unread_, {});
}

std::string raw_client::receive_until(std::string_view end) {
  std::size_t at = 0;
  while ((at = unread_.find(end)) == std::string::npos) await_data();
  auto text = unread_.substr(0, at + end.size());
  unread_.erase(0, text.size());
  return text;
}

bool raw_client::stays_silent(std::chrono::milliseconds time) {
  pollfd wanted{socket_, POLLIN, 0};
  return unread_.empty() && ::poll(&wanted, 1, static_cast<int>(time.count())) == 0;
}

bool raw_client::is_reset_within(std::chrono::milliseconds time) {
  pollfd wanted{socket_, 0, 0};
  return ::poll(&wanted, 1, static_cast<int>(time.count())) == 1 && (wanted.revents & POLLERR) != 0;
}

void raw_client::half_close() {
  ::shutdown(socket_, SHUT_WR);
}

void raw_client::reset() {
  linger const at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void raw_client::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

std::string request(std::string_view method, std::string_view target, std::string_view body, std::string_view more) {
  std::string text;
  ((((text += method) += ' ') += target) += " HTTP/1.1\r\nHost: test\r\n") += more;
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return (text += "\r\n") += body;
}

}  // namespace holdfast::tests
