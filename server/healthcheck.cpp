#include "server/healthcheck.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "protocol/duration.hpp"
#include "server/asio.hpp"

namespace holdfast::server {
namespace {

awaitable<std::string> ask(asio::io_context& io, asio::ip::tcp::endpoint endpoint) {
  tcp_socket socket(io);
  auto [refused] = co_await socket.async_connect(endpoint, as_values);
  if (refused) co_return "no server answers: " + refused.message();
  std::string text = "GET /readyz HTTP/1.1\r\nHost: healthcheck\r\nConnection: close\r\n\r\n";
  auto [unsent, sent] = co_await asio::async_write(socket, asio::buffer(text), as_values);
  if (unsent) co_return "the connection broke: " + unsent.message();
  std::string answer;
  auto [unread, read] = co_await asio::async_read_until(socket, asio::dynamic_buffer(answer, 4096), "\r\n", as_values);
  if (unread) co_return "the connection broke: " + unread.message();
  auto const line = answer.substr(0, answer.find("\r\n"));
  if (line.starts_with("HTTP/1.1 200 ")) co_return std::string();
  co_return "it answers " + line;
}

}  // namespace

std::string check_health(std::string const& address, std::uint16_t port, std::chrono::nanoseconds timeout) {
  asio::io_context io(1);
  asio::ip::tcp::endpoint const endpoint(asio::ip::make_address(address), port);
  std::string wrong = "no answer within " + protocol::format_duration(timeout);
  asio::co_spawn(io, ask(io, endpoint), [&wrong](std::exception_ptr const& error, std::string answer) {
    if (error) std::rethrow_exception(error);
    wrong = std::move(answer);
  });
  io.run_for(timeout);
  return wrong;
}

}  // namespace holdfast::server
