#include "client/load/channel.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace holdfast::client::load {
namespace {

/// Far larger than any value that this client stores.
constexpr std::uint64_t body_bytes_max = 64 * 1024 * 1024;

error_kind kind_of_errno(int code) {
  return kind_of({code, boost::system::system_category()});
}

}  // namespace

channel::channel(load::poller& poller, std::uint32_t token)
    : poller_(&poller), token_(token), parser_(body_bytes_max) {}

channel::~channel() {
  close();
}

channel::channel(channel&& other) noexcept
    : server_number(other.server_number),
      due(other.due),
      is_listed(other.is_listed),
      poller_(other.poller_),
      token_(other.token_),
      socket_(std::exchange(other.socket_, -1)),
      tls_(std::exchange(other.tls_, std::nullopt)),
      state_(std::exchange(other.state_, channel_state::closed)),
      wanted_(other.wanted_),
      outbox_(std::move(other.outbox_)),
      sent_(other.sent_),
      in_flight_(std::move(other.in_flight_)),
      first_(other.first_),
      lost_(std::move(other.lost_)),
      used_(other.used_),
      parser_(std::move(other.parser_)) {}

void channel::close() {
  if (tls_) tls_->end();
  tls_.reset();
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  state_ = channel_state::closed;
  outbox_.clear();
  sent_ = 0;
  in_flight_.clear();
  first_ = 0;
}

std::optional<error_kind> channel::fail(error_kind kind) {
  give_up();
  return kind;
}

void channel::give_up() {
  in_flight_.erase(in_flight_.begin(), in_flight_.begin() + static_cast<std::ptrdiff_t>(first_));
  lost_.swap(in_flight_);
  close();
}

void channel::want(std::uint32_t events) {
  if (wanted_ == events) return;
  wanted_ = events;
  poller_->modify(socket_, events, token_);
}

std::optional<error_kind> channel::connect(boost::asio::ip::tcp::endpoint const& server, endpoint const& named,
                                           tls::context const& context) {
  close();
  lost_.clear();
  parser_.start();
  used_ = false;
  socket_ = ::socket(server.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (socket_ < 0) return fail(error_kind::unreachable);
  int const on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  auto const pending = ::connect(socket_, server.data(), static_cast<socklen_t>(server.size()));
  if (pending != 0 && errno != EINPROGRESS) return fail(kind_of_errno(errno));
  if (context) {
    tls_.emplace(context, socket_, tls::stream::side::client);
    if (named.trust.accept_any) {
      tls_->name(named.host);
    } else {
      tls_->expect(named.host);
    }
  }
  state_ = channel_state::connecting;
  wanted_ = EPOLLOUT;
  poller_->add(socket_, wanted_, token_);
  return std::nullopt;
}

std::optional<error_kind> channel::on_writable() {
  if (state_ == channel_state::connecting) {
    int failed = 0;
    socklen_t size = sizeof failed;
    ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &failed, &size);
    if (failed != 0) return fail(kind_of_errno(failed));
    if (tls_ && !tls_->is_established()) {
      if (auto const refused = shake_hands(); refused || !tls_->is_established()) return refused;
    }
    state_ = channel_state::open;
    want(EPOLLIN);
  }
  return flush();
}

std::optional<error_kind> channel::shake_hands() {
  switch (tls_->handshake()) {
    case tls::outcome::done:
      return std::nullopt;
    case tls::outcome::wants_read:
      want(EPOLLIN);
      return std::nullopt;
    case tls::outcome::wants_write:
      want(EPOLLOUT);
      return std::nullopt;
    case tls::outcome::ended:
    case tls::outcome::failed:
      break;
  }
  return fail(error_kind::untrusted);
}

std::optional<error_kind> channel::flush_tls() {
  while (sent_ < outbox_.size()) {
    auto const [how, sent] = tls_->write(std::string_view(outbox_).substr(sent_));
    sent_ += sent;
    if (how == tls::outcome::wants_write) {
      want(EPOLLIN | EPOLLOUT);
      return std::nullopt;
    }
    if (how != tls::outcome::done) return fail(error_kind::reset);
  }
  outbox_.clear();
  sent_ = 0;
  want(EPOLLIN);
  return std::nullopt;
}

std::optional<error_kind> channel::flush() {
  if (tls_) return flush_tls();
  while (sent_ < outbox_.size()) {
    auto const count = ::send(socket_, outbox_.data() + sent_, outbox_.size() - sent_, MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return fail(kind_of_errno(errno));
      want(EPOLLIN | EPOLLOUT);
      return std::nullopt;
    }
    sent_ += static_cast<std::size_t>(count);
  }
  outbox_.clear();
  sent_ = 0;
  want(EPOLLIN);
  return std::nullopt;
}

std::string_view channel::read(std::span<char> buffer, std::optional<error_kind>& failed) {
  if (tls_) {
    auto const [how, bytes] = tls_->read(buffer);
    if (how == tls::outcome::ended || how == tls::outcome::failed)
      failed = parser_.begun() ? error_kind::bad_answer : error_kind::reset;
    return {buffer.data(), bytes};
  }
  auto const count = ::recv(socket_, buffer.data(), buffer.size(), 0);
  if (count > 0) return {buffer.data(), static_cast<std::size_t>(count)};
  if (count == 0) {
    failed = parser_.begun() ? error_kind::bad_answer : error_kind::reset;  // truncated, or missing
  } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
    failed = kind_of_errno(errno);
  }
  return {};
}

void channel::push(outstanding_request const& request) {
  constexpr std::size_t answered_max = 256;
  if (first_ >= answered_max) {
    in_flight_.erase(in_flight_.begin(), in_flight_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  in_flight_.push_back(request);
}

outstanding_request channel::pop() {
  auto const oldest = in_flight_[first_++];
  used_ = true;
  if (first_ == in_flight_.size()) {
    in_flight_.clear();
    first_ = 0;
  }
  return oldest;
}

}  // namespace holdfast::client::load
