#include "server/net/listener.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <boost/asio/ip/address.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "server/log/log.hpp"

namespace holdfast::server {
namespace {

using boost::asio::ip::tcp;

// How long a refused peer's socket stays open: closing it with an unread request could destroy the answer.
constexpr std::chrono::seconds refused_time{1};
constexpr std::size_t refused_max = listener::descriptors_max - 4;
// Limit per turn, so that other sources get their turn.
constexpr int accepted_per_turn = 64;
constexpr int backlog_max = 4096;
constexpr std::chrono::milliseconds pause_time{100};
constexpr std::chrono::seconds failure_told_every{10};
// Limits what the kernel buffers of an answer beyond what it has sent. Without it the kernel takes up to 4 MiB for each
// peer that reads nothing, and no timeout would apply, since the server would have finished sending. With more than
// this, large answers cost more, since they no longer fit the processor's cache (bench/README.md, Sharing).
constexpr int unsent_bytes_max = 64 * 1024;

[[noreturn]] void fail(int error, char const* what) {
  throw boost::system::system_error(boost::system::error_code(error, boost::system::system_category()), what);
}

void set(int socket, int level, int option, int value) {
  ::setsockopt(socket, level, option, &value, sizeof value);
}

tcp::endpoint local_endpoint(unique_socket const& socket) {
  tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  if (::getsockname(socket.get(), endpoint.data(), &size) != 0) fail(errno, "getsockname");
  endpoint.resize(size);
  return endpoint;
}

unique_socket spare_descriptor() {
  return unique_socket(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

/// True if the error concerns only one connection, so that accept(2) may succeed at once.
bool is_of_one_connection(int error) {
  return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM || error == ENETDOWN ||
         error == EHOSTUNREACH || error == ENETUNREACH || error == ETIMEDOUT;
}

}  // namespace

std::string text_of(std::string const& address, std::uint16_t port) {
  auto const is_v6 = address.find(':') != std::string::npos;
  return (is_v6 ? '[' + address + ']' : address) + ':' + std::to_string(port);
}

unique_socket listen_at(tcp::endpoint const& endpoint) {
  unique_socket socket(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  auto const descriptor = socket.get();
  if (descriptor < 0) fail(errno, "socket");
  set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  // Accepted sockets inherit these options. The keep-alive settings detect a peer that has vanished while it waits or
  // holds, with nothing on its way to it, within half a minute.
  set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent_bytes_max);
  set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 3);
  if (::bind(descriptor, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) fail(errno, "bind");
  if (::listen(descriptor, backlog_max) != 0) fail(errno, "listen");
  return socket;
}

listener::listener(event_loop& loop, unique_socket listening, admit_function admit, std::string refusal)
    : loop_(loop),
      socket_(std::move(listening)),
      spare_(spare_descriptor()),
      endpoint_(local_endpoint(socket_)),
      admit_(std::move(admit)),
      refusal_(std::move(refusal)),
      pause_(loop.get_executor()),
      forget_refused_(loop.get_executor()) {}

listener::~listener() {
  close();
}

void listener::start() {
  if (is_watched_ || socket_.get() < 0) return;
  if (!loop_.add(socket_.get(), *this, EPOLLIN)) fail(errno, "epoll_ctl");
  is_watched_ = true;
}

void listener::close() noexcept {
  if (std::exchange(is_watched_, false)) loop_.remove(socket_.get(), *this);
  pause_.cancel();
  socket_ = unique_socket();
}

void listener::accept_rest() {
  for (int i = 0; i < backlog_max && is_watched_ && accept_one(); ++i) {
  }
}

void listener::on_ready(std::uint32_t /*events*/) {
  for (int i = 0; i < accepted_per_turn && accept_one(); ++i) {
  }
}

/// @return true to continue accepting.
bool listener::accept_one() {
  unique_socket socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket.get() >= 0) {
    if (!admit_(socket)) refuse(std::move(socket));
    return socket_.get() >= 0;
  }
  auto const error = errno;
  if (is_of_one_connection(error)) return true;
  if (error == EAGAIN || error == EWOULDBLOCK) return false;
  if (auto const now = loop_.now();
      failure_told_at_ == decltype(now)() || now - failure_told_at_ > failure_told_every) {
    failure_told_at_ = now;
    log_error("accept failed", {{"error", std::strerror(error)}});
  }
  if (error == EMFILE && spare_.get() >= 0) {
    refuse_without_descriptor();
    return true;
  }
  // For example out of memory: keep the connections in the backlog, and pause instead of running in a busy loop.
  pause();
  return false;
}

/// Sends the refusal as far as the socket accepts it at once.
void listener::answer_refused(unique_socket const& socket) const {
  ::send(socket.get(), refusal_.data(), refusal_.size(), MSG_NOSIGNAL);
  ::shutdown(socket.get(), SHUT_WR);
}

void listener::refuse(unique_socket socket) {
  answer_refused(socket);
  if (refused_.size() >= refused_max) return;
  refused_.push_back(std::move(socket));
  if (refused_.size() > 1) return;
  forget_refused_.expires_after(refused_time);
  forget_refused_.async_wait([this](error_code error) {
    if (!error) refused_.clear();
  });
}

/// Frees the spare descriptor to accept and refuse one connection, instead of leaving the client in the backlog.
void listener::refuse_without_descriptor() {
  refused_.clear();
  spare_ = unique_socket();
  {
    unique_socket const socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.get() >= 0) answer_refused(socket);
  }
  spare_ = spare_descriptor();  // takes the descriptor that was just closed
}

void listener::pause() {
  loop_.modify(socket_.get(), *this, 0);
  pause_.expires_after(pause_time);
  pause_.async_wait([this](error_code error) {
    if (spare_.get() < 0) spare_ = spare_descriptor();
    if (!error && is_watched_) loop_.modify(socket_.get(), *this, EPOLLIN);
  });
}

}  // namespace holdfast::server
