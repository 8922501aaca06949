#include "client/transport.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <utility>

namespace holdfast::client {
namespace {

namespace net = boost::asio;
using boost::system::error_code;

constexpr auto as_result = net::as_tuple(net::use_awaitable_t<executor>());

bool is_waiting(tls::outcome how) {
  return how == tls::outcome::wants_read || how == tls::outcome::wants_write;
}

}  // namespace

void transport::close() {
  if (tls_) tls_->end();
  tls_.reset();
  error_code ignored;
  socket_.close(ignored);
}

void transport::set_options() {
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  socket_.set_option(tcp::socket::keep_alive(true), ignored);
  // No TCP_USER_TIMEOUT: it would end an import whose server lives but does not read for a while.
  auto const set = [this](int option, int value) {
    ::setsockopt(socket_.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
  };
  set(TCP_KEEPIDLE, 15);
  set(TCP_KEEPINTVL, 5);
  set(TCP_KEEPCNT, 3);
}

void transport::end_sending() {
  if (tls_) tls_->end();
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

bool transport::has_unread() {
  char byte = 0;
  error_code failed;
  socket_.non_blocking(true, failed);
  // TLS's own messages, such as tickets, are not data.
  if (tls_) return !is_waiting(tls_->read(std::span(&byte, 1)).how);
  socket_.receive(net::buffer(&byte, 1), tcp::socket::message_peek, failed);
  return failed != net::error::would_block;
}

awaitable<error_code> transport::until_ready(tls::outcome wanted) {
  auto const what = wanted == tls::outcome::wants_read ? tcp::socket::wait_read : tcp::socket::wait_write;
  auto [failed] = co_await socket_.async_wait(what, as_result);
  // close() may have been called after the wait had ended.
  if (!failed && !tls_) failed = net::error::operation_aborted;
  co_return failed;
}

awaitable<result<void>> transport::secure(endpoint const& server) {
  if (!server.is_tls) co_return boost::system::in_place_value;
  result<void> secured = boost::system::in_place_value;
  try {
    if (!context_) context_ = tls::client_context(server.trust);
    error_code ignored;
    socket_.native_non_blocking(true, ignored);
    tls_.emplace(context_, socket_.native_handle(), tls::stream::side::client);
    if (server.trust.accept_any) {
      tls_->name(server.host);
    } else {
      tls_->expect(server.host);
    }
  } catch (tls::error const& wrong) {
    secured = error{error_kind::invalid_request, wrong.what(), {}};
  }
  if (!secured) co_return secured;
  for (;;) {
    auto const how = tls_->handshake();
    if (how == tls::outcome::done) co_return secured;
    if (!is_waiting(how)) {
      client::error untrusted{error_kind::untrusted, server.url() + ": " + tls_->failure(), {}};
      co_return untrusted;
    }
    auto const failed = co_await until_ready(how);
    if (!failed) continue;
    client::error broken{kind_of(failed), server.url() + ": the TLS handshake broke: " + failed.message(), {}};
    co_return broken;
  }
}

awaitable<transferred> transport::read_some(std::span<char> room) {
  transferred done;
  if (!tls_) {
    auto [failed, bytes] = co_await socket_.async_read_some(net::buffer(room.data(), room.size()), as_result);
    done = {failed, bytes};
    co_return done;
  }
  while (!done.failed) {
    auto const [how, bytes] = tls_->read(room);
    if (is_waiting(how)) {
      done.failed = co_await until_ready(how);
      continue;
    }
    done.bytes = bytes;
    if (how == tls::outcome::ended) done.failed = net::error::eof;
    if (how == tls::outcome::failed) done.failed = net::error::connection_reset;
    break;
  }
  co_return done;
}

awaitable<transferred> transport::write(std::span<net::const_buffer const> parts) {
  if (!tls_) {
    auto [failed, bytes] = co_await net::async_write(socket_, parts, as_result);
    transferred done{failed, bytes};
    co_return done;
  }
  // In one piece, so that a short header and a short body share a record.
  std::string whole;
  for (auto const& part : parts) whole.append(static_cast<char const*>(part.data()), part.size());
  co_return co_await write_tls(std::move(whole));
}

awaitable<transferred> transport::write_tls(std::string bytes) {
  transferred done;
  while (!done.failed && done.bytes < bytes.size()) {
    auto const [how, sent] = tls_->write(std::string_view(bytes).substr(done.bytes));
    done.bytes += sent;
    if (is_waiting(how)) {
      done.failed = co_await until_ready(how);
    } else if (how != tls::outcome::done) {
      done.failed = net::error::connection_reset;
    }
  }
  co_return done;
}

}  // namespace holdfast::client
