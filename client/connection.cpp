#include "client/connection.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>
#include <vector>

#include "client/refusal.hpp"
#include "protocol/duration.hpp"
#include "protocol/entity_tag.hpp"
#include "protocol/json.hpp"
#include "protocol/key.hpp"

namespace holdfast::client {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;
using namespace net::experimental::awaitable_operators;

constexpr auto as_result = net::as_tuple(net::use_awaitable_t<executor>());

/// The addresses of a server: looked up, unless the host is an address already.
awaitable<result<std::vector<tcp::endpoint>>> look_up(executor on, endpoint const& server) {
  std::vector<tcp::endpoint> addresses;
  error_code failed;
  if (auto const address = net::ip::make_address(server.host, failed); !failed) {
    addresses.emplace_back(address, static_cast<std::uint16_t>(std::stoul(server.port)));
    co_return addresses;
  }
  net::ip::basic_resolver<tcp, executor> resolver(on);
  auto [error, found] = co_await resolver.async_resolve(server.host, server.port, as_result);
  if (error) {
    client::error unknown{error_kind::unresolved, "there is no host '" + server.host + "': " + error.message(), {}};
    co_return unknown;
  }
  for (auto const& entry : found) addresses.push_back(entry.endpoint());
  co_return addresses;
}

}  // namespace

connection::connection(executor on, connection_settings settings)
    : socket_(on), timer_(on), settings_(std::move(settings)), parser_(settings_.value_bytes_max) {}

error connection::at_server(error_kind kind, std::string_view what) const {
  return {kind, "http://" + settings_.server.authority + ": " + std::string(what), {}};
}

void connection::close() {
  error_code ignored;
  socket_.close(ignored);
}

awaitable<void> connection::pass(std::chrono::nanoseconds time) {
  timer_.expires_after(time);
  co_await timer_.async_wait(as_result);
}

awaitable<result<void>> connection::open() {
  auto addresses = co_await look_up(socket_.get_executor(), settings_.server);
  if (!addresses) co_return addresses.error();
  auto [failed, reached] = co_await net::async_connect(socket_, *addresses, as_result);
  if (failed) {
    close();
    auto const kind = kind_of(failed);
    co_return at_server(kind, kind == error_kind::refused ? "connection refused; is holdfast-server running there?"
                                                          : "can't connect: " + failed.message());
  }
  socket_.set_option(tcp::no_delay(true), failed);
  peer_ = reached;
  co_return boost::system::in_place_value;
}

awaitable<result<void>> connection::connect() {
  close();
  auto opening = open();
  auto expiry = pass(settings_.connect_timeout);
  auto either = std::move(opening) || std::move(expiry);
  auto outcome = co_await std::move(either);
  if (auto* const opened = std::get_if<0>(&outcome)) co_return std::move(*opened);
  close();
  co_return at_server(error_kind::timeout,
                      "no connection within " + protocol::format_duration(settings_.connect_timeout));
}

bool connection::peer_has_left() {
  // Between two requests there is nothing to read; whatever shows up is an end, a reset or a parting 408.
  char byte = 0;
  error_code failed;
  socket_.non_blocking(true, failed);
  socket_.receive(net::buffer(&byte, 1), tcp::socket::message_peek, failed);
  return failed != net::error::would_block;
}

awaitable<result<void>> connection::exchange(outgoing const& request) {
  if (socket_.is_open() && !peer_has_left()) {
    auto sent = co_await send_and_receive(request);
    if (sent) co_return sent;
    if (sent.error().kind != error_kind::reset || parser_.begun()) co_return sent;
  }
  if (auto connected = co_await connect(); !connected) co_return connected;
  co_return co_await send_and_receive(request);
}

awaitable<result<void>> connection::exchange_within(outgoing const& request, std::chrono::nanoseconds limit) {
  // A timer of its own: connect() uses timer_ meanwhile.
  decltype(timer_) timer(socket_.get_executor(), limit);
  auto work = exchange(request);
  auto expiry = timer.async_wait(as_result);
  auto either = std::move(work) || std::move(expiry);
  auto outcome = co_await std::move(either);
  if (auto* const done = std::get_if<0>(&outcome)) co_return std::move(*done);
  close();
  co_return at_server(error_kind::timeout, "no answer within " + protocol::format_duration(limit));
}

awaitable<result<void>> connection::send_and_receive(outgoing const& request) {
  parser_.start();
  std::array const parts{net::buffer(request.head), net::buffer(request.body)};
  // A failed write is no news yet: the server may have answered before it read everything (413).
  co_await net::async_write(socket_, parts, as_result);
  auto received = co_await receive();
  if (!received || !parser_.message().keep_alive) close();
  co_return received;
}

awaitable<result<void>> connection::receive() {
  std::array<char, 16 * 1024> bytes;
  while (!parser_.done()) {
    auto [failed, count] = co_await socket_.async_read_some(net::buffer(bytes), as_result);
    if (failed) {
      if (!parser_.begun()) co_return at_server(error_kind::reset, "the connection ended without an answer");
      if (failed == net::error::eof) co_return at_server(error_kind::bad_answer, "the answer was cut short");
      co_return at_server(kind_of(failed), "the connection broke amid the answer: " + failed.message());
    }
    auto const used = parser_.feed({bytes.data(), count});
    if (!used) co_return at_server(error_kind::bad_answer, "what came is not an answer: " + used.error().message);
    if (*used < count) co_return at_server(error_kind::bad_answer, "the answer has more bytes than it said");
  }
  co_return boost::system::in_place_value;
}

result<answer> connection::accept(request_kind kind) {
  auto& message = parser_.message();
  auto const status = message.status;
  if (status >= 400) return refused_by(message);
  auto const expected = kind == request_kind::get   ? status == 200
                        : kind == request_kind::put ? status == 201 || status == 204
                                                    : status == 204;
  if (!expected) {
    return at_server(error_kind::bad_answer,
                     "the status is " + std::to_string(status) + ", which no Holdfast server answers; is it one?");
  }
  answer done;
  done.status = status;
  if (kind == request_kind::get) {
    if (message.content != content_kind::json || !protocol::check_json(message.body))
      return at_server(error_kind::bad_answer, "the value is not JSON; is that a Holdfast server?");
    done.value = std::move(message.body);
  }
  done.etag = message.etag;
  if (auto const tag = protocol::parse_entity_tag(message.etag)) done.revision = tag->revision;
  done.timing = message.timing;
  return done;
}

awaitable<result<answer>> connection::run(request_kind kind, std::string key, std::string value, lock_wishes wishes) {
  if (auto valid = protocol::check_key(key); !valid) {
    client::error invalid{error_kind::invalid_request, valid.error().detail, {}};
    co_return invalid;
  }
  auto const method = kind == request_kind::get ? "GET" : kind == request_kind::put ? "PUT" : "DELETE";
  auto const target = protocol::path_of_key(key) + query_of(wishes);
  outgoing message;
  message.head = request_head(settings_.server, method, target, value.size());
  message.body = std::move(value);

  result<void> exchanged;
  if (settings_.request_timeout) {
    exchanged = co_await exchange_within(message, *settings_.request_timeout);
  } else {
    exchanged = co_await exchange(message);
  }
  if (!exchanged) co_return exchanged.error();
  auto accepted = accept(kind);
  // Nothing that such a peer sends next can be trusted.
  if (!accepted && accepted.error().kind == error_kind::bad_answer) close();
  co_return accepted;
}

awaitable<result<answer>> connection::get(std::string key, lock_wishes wishes) {
  return run(request_kind::get, std::move(key), {}, wishes);
}

awaitable<result<answer>> connection::put(std::string key, std::string value, lock_wishes wishes) {
  return run(request_kind::put, std::move(key), std::move(value), wishes);
}

awaitable<result<answer>> connection::del(std::string key, lock_wishes wishes) {
  return run(request_kind::del, std::move(key), {}, wishes);
}

}  // namespace holdfast::client
