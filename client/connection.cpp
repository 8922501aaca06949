#include "client/connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <utility>
#include <vector>

#include "client/json_parts.hpp"
#include "client/liveness.hpp"
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

}  // namespace

awaitable<result<std::vector<tcp::endpoint>>> look_up(executor on, endpoint server) {
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

connection::connection(executor on, connection_settings settings)
    : transport_(on),
      timer_(on),
      settings_(std::move(settings)),
      servers_(settings_.server),
      parser_(settings_.value_bytes_max) {}

error connection::at_server(error_kind kind, std::string_view what) const {
  return {kind, server().url() + ": " + std::string(what), {}};
}

void connection::close() {
  transport_.close();
}

awaitable<void> connection::pass(std::chrono::nanoseconds time) {
  timer_.expires_after(time);
  co_await timer_.async_wait(as_result);
}

awaitable<result<void>> connection::open() {
  auto addresses = co_await look_up(timer_.get_executor(), server());
  if (!addresses) co_return addresses.error();
  auto [failed, reached] = co_await net::async_connect(transport_.socket(), *addresses, as_result);
  if (failed) {
    close();
    auto const kind = kind_of(failed);
    co_return at_server(kind, kind == error_kind::refused ? "connection refused; is holdfast-server running there?"
                                                          : "can't connect: " + failed.message());
  }
  transport_.set_options();
  peer_ = reached;
  auto secured = co_await transport_.secure(server());
  if (!secured) close();
  co_return secured;
}

awaitable<result<void>> connection::connect() {
  std::vector<client::error> failures;
  for (auto left = servers_.count(); left > 0; --left) {
    auto connected = co_await connect_to_one();
    if (connected || connected.error().kind == error_kind::untrusted) co_return connected;
    failures.push_back(connected.error());
    servers_.go_on();
  }
  co_return joined(failures);
}

awaitable<result<void>> connection::connect_to_one() {
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

awaitable<result<void>> connection::exchange(outgoing const& request) {
  // Between two requests nothing should arrive; anything readable is an end, a reset or a final 408.
  if (transport_.is_open() && !transport_.has_unread()) {
    auto sent = co_await send_and_receive(request);
    if (sent) co_return sent;
    if (sent.error().kind != error_kind::reset || parser_.begun() || !request.is_repeatable) co_return sent;
  }
  if (request.needs_living_server) {
    auto alive = co_await probe(timer_.get_executor(), server());
    if (!alive) co_return alive;
  }
  if (auto connected = co_await connect_to_one(); !connected) co_return connected;
  co_return co_await send_and_receive(request);
}

awaitable<result<void>> connection::exchange_unless_silent(outgoing const& request) {
  auto work = exchange(request);
  auto silence = until_silent(timer_.get_executor(), server());
  auto either = std::move(work) || std::move(silence);
  auto outcome = co_await std::move(either);
  if (auto* const done = std::get_if<0>(&outcome)) co_return std::move(*done);
  close();
  co_return std::get<1>(outcome);
}

awaitable<result<void>> connection::exchange_within(outgoing const& request, std::chrono::nanoseconds limit) {
  // A separate timer, because connect() uses timer_ meanwhile.
  decltype(timer_) timer(timer_.get_executor(), limit);
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
  is_sent_ = has_sent_ = true;
  std::array const parts{net::buffer(request.head), net::buffer(request.body)};
  // A failed write is no error yet: the server may have answered before it read everything (413).
  co_await transport_.write(parts);
  result<void> received;
  if (request.more) {
    received = co_await send_chunks_and_receive(request.more);
  } else {
    received = co_await receive();
  }
  if (!received || !parser_.message().keep_alive) close();
  co_return received;
}

awaitable<result<void>> connection::send_chunks_and_receive(content_source const& source) {
  bool all_sent = false;
  auto sending = send_chunks(source, all_sent);
  auto receiving = receive_beside(all_sent);
  auto both = std::move(sending) && std::move(receiving);
  auto [sent, received] = co_await std::move(both);
  if (!sent) co_return sent;
  co_return received;
}

/// @return the error of the source, if any; write errors are ignored as in exchange().
awaitable<result<void>> connection::send_chunks(content_source const& source, bool& all_sent) {
  for (;;) {
    auto piece = co_await source();
    if (!piece) {
      close();  // without the last chunk, so that the server detects the incomplete content
      co_return piece.error();
    }
    char size[24];
    auto const digits = std::to_chars(size, size + 20, piece->size(), 16).ptr;
    digits[0] = '\r', digits[1] = '\n';
    std::string_view const head(size, static_cast<std::size_t>(digits + 2 - size)), end("\r\n");
    std::array<net::const_buffer, 3> const parts{net::buffer(head), net::buffer(*piece), net::buffer(end)};
    auto const written = co_await transport_.write(parts);
    if (written.failed) co_return boost::system::in_place_value;
    if (piece->empty()) break;
  }
  all_sent = true;
  co_return boost::system::in_place_value;
}

/// Receives the answer while the request is still being sent. A server that answers early stops reading the request.
awaitable<result<void>> connection::receive_beside(bool const& all_sent) {
  auto received = co_await receive();
  if (!all_sent) {
    transport_.end_sending();
    parser_.message().keep_alive = false;
  }
  co_return received;
}

awaitable<result<void>> connection::receive() {
  std::array<char, 16 * 1024> bytes;
  while (!parser_.done()) {
    auto const [failed, count] = co_await transport_.read_some(bytes);
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

result<answer> connection::accept(call const& asked) {
  auto& message = parser_.message();
  auto const status = message.status;
  if (status >= 400) return refused_by(message);
  if (std::ranges::find(asked.statuses, status) == asked.statuses.end()) {
    return at_server(error_kind::bad_answer,
                     "the status is " + std::to_string(status) + ", which no Holdfast server answers; is it one?");
  }
  answer done;
  done.status = status;
  if (message.content == content_kind::json) done.value = std::move(message.body);
  if ((status == 200 || !done.value.empty()) && !protocol::check_json(done.value, protocol::json_depth_with_values_max))
    return at_server(error_kind::bad_answer, "the value is not JSON; is that a Holdfast server?");
  done.etag = message.etag;
  done.revision = message.revision;
  if (auto const tag = protocol::parse_entity_tag(message.etag)) done.revision = tag->revision;
  done.timing = message.timing;
  done.ttl_s = message.ttl_s;
  done.replayed = message.replayed;
  return done;
}

awaitable<result<answer>> connection::run(call asked, request_options options) {
  auto fields = fields_of(options);
  if (!fields) co_return fields.error();
  if (asked.content_type != nullptr) *fields += std::string("Content-Type: ") + asked.content_type + "\r\n";
  if (asked.more) *fields += "Transfer-Encoding: chunked\r\n";
  auto const is_read = std::string_view(asked.method) == "GET";
  auto const has_condition = !options.if_match.empty() || !options.if_none_match.empty();
  outgoing message;
  message.is_repeatable =
      !asked.more && (!options.idempotency_key.empty() ||
                      (asked.is_idempotent && options.if_match.empty() && (options.if_none_match.empty() || is_read)));
  auto const may_come_late =
      !asked.more && (is_read || asked.may_come_late || has_condition || !options.idempotency_key.empty());
  message.needs_living_server = servers_.count() > 1 && !may_come_late;
  message.body = std::move(asked.body);
  message.more = std::move(asked.more);

  std::vector<client::error> failures;
  std::optional<client::error> unknown;  // if the first may have executed it
  has_sent_ = false;
  for (auto left = servers_.count();;) {
    is_sent_ = false;
    auto done = co_await run_at_one(asked, *fields, message);
    if (servers_.count() == 1) co_return done;
    // A repeated write with a condition: it may fail because the first attempt succeeded.
    auto const may_be_own = unknown && !is_read && !done && done.error().refused &&
                            done.error().refused->status == 412 && options.idempotency_key.empty();
    if (may_be_own) co_return *unknown;
    if (done) co_return done;
    auto failed = done.error();
    auto const is_refused = is_for_another(failed);
    if (failed.kind == error_kind::invalid_request || failed.kind == error_kind::untrusted ||
        (failed.refused && !is_refused))
      co_return done;
    if (is_sent_ && !is_refused && !may_come_late) {
      failed.message += "; whether it was done is not known";
      co_return failed;
    }
    if (is_sent_ && message.more) co_return done;  // its arguments are gone
    if (is_sent_ && !is_refused && !unknown) {
      unknown = failed;
      unknown->message += "; whether it was done is not known";
    }
    failures.push_back(std::move(failed));
    close();
    servers_.go_on();
    if (--left == 0) break;
  }
  if (unknown && !is_read) co_return *unknown;
  co_return joined(failures);
}

awaitable<result<answer>> connection::run_at_one(call const& asked, std::string const& fields, outgoing& message) {
  auto const bytes = message.more ? std::optional<std::size_t>() : message.body.size();
  message.head = request_head(server(), asked.method, asked.target, bytes, fields);
  result<void> exchanged;
  if (settings_.request_timeout) {
    exchanged = co_await exchange_within(message, *settings_.request_timeout);
  } else if (servers_.count() > 1) {
    exchanged = co_await exchange_unless_silent(message);
  } else {
    exchanged = co_await exchange(message);
  }
  if (!exchanged) co_return exchanged.error();
  auto accepted = accept(asked);
  // After a malformed answer, later bytes of this peer can't be trusted.
  if (!accepted && accepted.error().kind == error_kind::bad_answer) close();
  co_return accepted;
}

/// `asked.target` is the query.
awaitable<result<answer>> connection::run_on_key(std::string key, call asked, request_options options) {
  if (auto valid = protocol::check_key(key); !valid) {
    client::error invalid{error_kind::invalid_request, valid.error().detail, {}};
    co_return invalid;
  }
  asked.target.insert(0, protocol::path_of_key(key));
  co_return co_await run(std::move(asked), std::move(options));
}

awaitable<result<answer>> connection::get(std::string key, request_options options,
                                          std::optional<std::chrono::nanoseconds> wait) {
  query terms;
  if (wait) terms.add("wait", protocol::format_duration(*wait));
  call asked{.method = "GET", .target = terms.add_lock_terms(options).text(), .is_idempotent = true};
  if (!options.if_none_match.empty()) asked.statuses[1] = 304;
  return run_on_key(std::move(key), std::move(asked), std::move(options));
}

awaitable<result<answer>> connection::put(std::string key, std::string value, request_options options) {
  call asked{.method = "PUT",
             .target = query().add("ttl", options.ttl).add_lock_terms(options).text(),
             .body = std::move(value),
             .statuses = {200, 201, 204},
             .is_idempotent = true};
  return run_on_key(std::move(key), std::move(asked), std::move(options));
}

awaitable<result<answer>> connection::del(std::string key, request_options options) {
  call asked{.method = "DELETE", .target = query_of(options), .statuses = {200, 204}, .is_idempotent = true};
  return run_on_key(std::move(key), std::move(asked), std::move(options));
}

awaitable<result<answer>> connection::patch(std::string key, patch_kind kind, std::string patch,
                                            request_options options) {
  call asked{.method = "PATCH",
             .target = query_of(options),
             .body = std::move(patch),
             .content_type = kind == patch_kind::merge ? "application/merge-patch+json" : "application/json-patch+json",
             .statuses = {200, 204}};
  return run_on_key(std::move(key), std::move(asked), std::move(options));
}

awaitable<result<answer>> connection::add(std::string key, increment change, request_options options) {
  query terms;
  terms.add("increment", std::to_string(change.by));
  if (change.initial) terms.add("initial", std::to_string(*change.initial));
  if (change.min) terms.add("min", std::to_string(*change.min));
  if (change.max) terms.add("max", std::to_string(*change.max));
  call asked{
      .method = "POST", .target = terms.add("ttl", options.ttl).add_lock_terms(options).text(), .statuses = {200, 201}};
  return run_on_key(std::move(key), std::move(asked), std::move(options));
}

awaitable<result<answer>> connection::touch(std::string key, request_options options) {
  call asked{.method = "POST",
             .target = query().add("ttl", options.ttl).add_lock_terms(options).text(),
             .statuses = {200, 204},
             .is_idempotent = true};
  return run_on_key(std::move(key), std::move(asked), std::move(options));
}

awaitable<result<listing>> connection::list(list_query asked, request_options options) {
  call request{.method = "GET", .target = "/v1/kv" + query_of(asked, options), .is_idempotent = true};
  auto page = co_await run(std::move(request), std::move(options));
  if (!page) co_return page.error();
  co_return read_listing(page->value);
}

awaitable<result<removal>> connection::remove(std::string prefix, unsigned limit, bool all, request_options options) {
  query terms;
  terms.add("prefix", prefix).add("limit", std::to_string(limit));
  if (all) terms.add("all", "true");
  call request{.method = "DELETE", .target = "/v1/kv" + terms.add_lock_terms(options).text()};
  auto done = co_await run(std::move(request), std::move(options));
  if (!done) co_return done.error();
  co_return read_removal(done->value);
}

awaitable<result<answer>> connection::transact_json(std::string body, request_options options) {
  call asked{.method = "POST",
             .target = "/v1/txn" + query_of(options),
             .body = std::move(body),
             .content_type = "application/json"};
  return run(std::move(asked), std::move(options));
}

awaitable<result<transaction_results>> connection::transact(transaction operations, request_options options) {
  auto body = operations.json();
  auto done = co_await transact_json(std::move(body), std::move(options));
  if (!done) co_return done.error();
  co_return read_transaction_results(done->value);
}

awaitable<result<answer>> connection::import(content_source lines, if_exists existing, request_options options) {
  query terms;
  if (existing != if_exists::replace) terms.add("if-exists", existing == if_exists::skip ? "skip" : "fail");
  call asked{.method = "POST",
             .target = "/v1/import" + terms.add_lock_terms(options).text(),
             .content_type = "application/x-ndjson",
             .more = std::move(lines)};
  return run(std::move(asked), std::move(options));
}

awaitable<result<lock_ticket>> connection::run_on_ticket(call asked) {
  asked.statuses = {200, 201, 202};
  request_options none;
  auto done = co_await run(std::move(asked), std::move(none));
  if (!done) co_return done.error();
  co_return read_ticket(done->value);
}

awaitable<result<lock_ticket>> connection::ask_for_lock(lock_query asked) {
  query terms;
  terms.add("lease", protocol::format_duration(asked.lease));
  if (!asked.id.empty()) terms.add("id", asked.id);
  if (asked.wait) terms.add("wait", protocol::format_duration(*asked.wait));
  auto const has_id = !asked.id.empty();  // otherwise each attempt would create a ticket
  call request{.method = "POST",
               .target = protocol::path_of_lock(asked.lock) + terms.text(),
               .is_idempotent = has_id,
               .may_come_late = has_id};
  if (!asked.owner.empty()) request.body = "{\"owner\":" + json_string(asked.owner) + '}';
  return run_on_ticket(std::move(request));
}

awaitable<result<lock_ticket>> connection::look_at_ticket(std::string lock, std::string id,
                                                          std::chrono::nanoseconds wait) {
  query terms;
  terms.add("wait", protocol::format_duration(wait));
  call asked{.method = "GET", .target = protocol::path_of_ticket(lock, id) + terms.text(), .is_idempotent = true};
  return run_on_ticket(std::move(asked));
}

awaitable<result<lock_ticket>> connection::keep_ticket(std::string lock, std::string id) {
  call asked{
      .method = "PUT", .target = protocol::path_of_ticket(lock, id), .is_idempotent = true, .may_come_late = true};
  return run_on_ticket(std::move(asked));
}

awaitable<result<answer>> connection::release_ticket(std::string lock, std::string id) {
  call asked{.method = "DELETE",
             .target = protocol::path_of_ticket(lock, id),
             .statuses = {204},
             .is_idempotent = true,
             .may_come_late = true};
  return run(std::move(asked), {});
}

awaitable<result<answer>> connection::fetch(std::string target) {
  call asked{.method = "GET", .target = std::move(target), .is_idempotent = true};
  return run(std::move(asked), {});
}

}  // namespace holdfast::client
