#include "client/line_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <utility>

#include "client/refusal.hpp"

namespace holdfast::client {
namespace {

namespace net = boost::asio;
using boost::system::error_code;

constexpr auto as_result = net::as_tuple(net::use_awaitable_t<executor>());
constexpr std::size_t line_bytes_max = std::size_t(16) * 1024 * 1024;

/// The status of `HTTP/1.1 200 OK…`; 0 where that is no status line.
unsigned status_of(std::string_view head) {
  unsigned status = 0;
  if (!head.starts_with("HTTP/1.") || head.size() < 12) return 0;
  auto const [end, wrong] = std::from_chars(head.data() + 9, head.data() + 12, status);
  return wrong == std::errc() && end == head.data() + 12 ? status : 0;
}

}  // namespace

line_stream::line_stream(executor on, endpoint server) : server_(std::move(server)), socket_(on) {}

error line_stream::at_server(error_kind kind, std::string_view what) const {
  return {kind, "http://" + server_.authority + ": " + std::string(what), {}};
}

void line_stream::close() {
  error_code ignored;
  socket_.close(ignored);
}

awaitable<result<void>> line_stream::connect() {
  net::ip::basic_resolver<tcp, executor> resolver(socket_.get_executor());
  auto [unknown, addresses] = co_await resolver.async_resolve(server_.host, server_.port, as_result);
  if (unknown) co_return at_server(error_kind::unresolved, "there is no such host: " + unknown.message());
  auto [failed, reached] = co_await net::async_connect(socket_, addresses, as_result);
  if (failed) {
    auto const kind = kind_of(failed);
    co_return at_server(kind, kind == error_kind::refused ? "connection refused; is holdfast-server running there?"
                                                          : "can't connect: " + failed.message());
  }
  co_return boost::system::in_place_value;
}

awaitable<result<void>> line_stream::open(std::string target) {
  auto connected = co_await connect();
  if (!connected) co_return connected;
  auto const request = "GET " + target + " HTTP/1.0\r\nHost: " + server_.authority + "\r\n\r\n";
  auto [failed, sent] = co_await net::async_write(socket_, net::buffer(request), as_result);
  if (failed) co_return at_server(kind_of(failed), "can't send: " + failed.message());

  auto head = co_await read_up_to("\r\n\r\n");
  if (!head) co_return head.error();
  answer_message refused;
  refused.status = *head ? status_of(**head) : 0;
  if (refused.status == 0) co_return at_server(error_kind::bad_answer, "this is no HTTP server");
  if (refused.status == 200) co_return boost::system::in_place_value;

  refused.content = content_kind::problem_json;
  for (;;) {
    auto line = co_await next();
    if (!line || !*line) break;
    refused.body += **line;
  }
  co_return refused_by(refused);
}

/// Takes what stands before `end` off the stream; nothing where the stream ends first.
awaitable<result<std::optional<std::string>>> line_stream::read_up_to(std::string_view end) {
  auto [failed, bytes] =
      co_await net::async_read_until(socket_, net::dynamic_buffer(unread_, line_bytes_max), end, as_result);
  if (failed == net::error::eof) co_return std::optional<std::string>();
  if (failed == net::error::not_found) co_return at_server(error_kind::bad_answer, "a line is too long");
  if (failed) co_return at_server(kind_of(failed), "the connection broke: " + failed.message());
  std::optional<std::string> text(std::in_place, unread_, 0, bytes - end.size());
  unread_.erase(0, bytes);
  co_return text;
}

awaitable<result<std::optional<std::string>>> line_stream::next() {
  return read_up_to("\n");
}

}  // namespace holdfast::client
