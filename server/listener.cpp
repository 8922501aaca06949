#include "server/listener.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "protocol/reply.hpp"
#include "server/log.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

// A refused peer's socket is kept this long, so that closing it with a request unread doesn't take the answer back.
constexpr std::chrono::seconds refused_time{1};
constexpr int refused_max = 64;

/// Says why, as far as the socket takes it at once.
void answer_refused(unique_socket const& socket) {
  auto const answer =
      reply_to(failure{errc::too_many_connections, "the server has as many connections as it allows; retry"});
  std::string text;
  append_head(text, answer, {.head_only = false, .close = true, .http11 = true});
  text += answer.content();
  ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
  ::shutdown(socket.get(), SHUT_WR);
}

awaitable<void> keep_a_while([[maybe_unused]] unique_socket socket, std::shared_ptr<int> kept) {
  ++*kept;
  steady_timer timer(co_await asio::this_coro::executor, refused_time);
  co_await timer.async_wait(as_values);
  --*kept;
}

/// Whether accept(2) may work again at once: what went wrong concerns one connection only.
bool is_of_one_connection(int error) {
  return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM || error == ENETDOWN ||
         error == EHOSTUNREACH || error == ENETUNREACH || error == ETIMEDOUT;
}

}  // namespace

std::string text_of(std::string const& address, std::uint16_t port) {
  auto const is_v6 = address.find(':') != std::string::npos;
  return (is_v6 ? '[' + address + ']' : address) + ':' + std::to_string(port);
}

tcp_acceptor open_acceptor(asio::io_context& context, settings const& settings) {
  asio::ip::tcp::endpoint const endpoint(asio::ip::make_address(settings.listen_address), settings.listen_port);
  tcp_acceptor acceptor(context.get_executor());
  acceptor.open(endpoint.protocol());
  acceptor.set_option(asio::socket_base::reuse_address(true));
  // Its connections inherit these. Who vanishes without a word while it waits or holds is found out within half a
  // minute.
  acceptor.set_option(asio::ip::tcp::no_delay(true));
  acceptor.set_option(asio::socket_base::keep_alive(true));
  for (auto const& [name, value] :
       {std::pair(TCP_KEEPIDLE, 15), std::pair(TCP_KEEPINTVL, 5), std::pair(TCP_KEEPCNT, 3)})
    ::setsockopt(acceptor.native_handle(), IPPROTO_TCP, name, &value, sizeof value);
  acceptor.bind(endpoint);
  acceptor.listen(4096);
  acceptor.non_blocking(true);
  return acceptor;
}

awaitable<void> accept_connections(tcp_acceptor& acceptor, std::function<bool(unique_socket&)> admit) {
  auto const executor = co_await asio::this_coro::executor;
  steady_timer pause(executor);
  auto const kept = std::make_shared<int>(0);
  for (;;) {
    auto [error] = co_await acceptor.async_wait(asio::socket_base::wait_read, as_values);
    if (error) co_return;
    while (acceptor.is_open()) {
      unique_socket socket(::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket.get() >= 0) {
        if (admit(socket)) continue;
        answer_refused(socket);
        if (*kept < refused_max) asio::co_spawn(executor, keep_a_while(std::move(socket), kept), asio::detached);
        continue;
      }
      if (is_of_one_connection(errno)) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      // Out of descriptors or memory: the backlog waits for better times, and a busy loop would not bring them.
      log_error("accept failed", {{"error", std::strerror(errno)}});
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(as_values);
    }
  }
}

}  // namespace holdfast::server
