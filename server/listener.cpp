#include "server/listener.hpp"

#include <boost/asio/this_coro.hpp>

#include "protocol/reply.hpp"
#include "server/log.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

/// Says why before it closes, as far as the socket takes it at once: a refused peer must not cost a coroutine.
void turn_away(tcp_socket& socket) {
  auto const answer =
      reply_to(failure{errc::too_many_connections, "the server has as many connections as it allows; retry"});
  std::string text;
  append_head(text, answer, {.head_only = false, .close = true, .http11 = true});
  text += answer.content();
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(text), ignored);
  socket.shutdown(asio::socket_base::shutdown_both, ignored);
  socket.close(ignored);
}

}  // namespace

tcp_acceptor open_acceptor(asio::io_context& context, settings const& settings) {
  asio::ip::tcp::endpoint const endpoint(asio::ip::make_address(settings.listen_address), settings.listen_port);
  tcp_acceptor acceptor(context.get_executor());
  acceptor.open(endpoint.protocol());
  acceptor.set_option(asio::socket_base::reuse_address(true));
  acceptor.bind(endpoint);
  acceptor.listen(4096);
  return acceptor;
}

awaitable<void> accept_connections(tcp_acceptor& acceptor, accept_policy policy) {
  steady_timer pause(co_await asio::this_coro::executor);
  while (acceptor.is_open()) {
    tcp_socket socket(policy.next_context());
    auto [error] = co_await acceptor.async_accept(socket, as_values);
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return;
    if (error) {
      // Out of descriptors or memory: the backlog waits for better times, and a busy loop would not bring them.
      log_error("accept failed", {{"error", error.message()}});
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(as_values);
      continue;
    }
    if (!policy.admit(socket)) turn_away(socket);
  }
}

}  // namespace holdfast::server
