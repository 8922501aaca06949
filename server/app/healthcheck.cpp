#include "server/app/healthcheck.hpp"

#include <poll.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string_view>

#include "protocol/duration.hpp"
#include "tls/stream.hpp"

namespace holdfast::server {
namespace {

constexpr std::string_view request = "GET /readyz HTTP/1.1\r\nHost: healthcheck\r\nConnection: close\r\n\r\n";
/// Upper bound for the bytes of a status line.
constexpr std::size_t line_bytes_max = 200;

std::string judge(std::string_view line) {
  return line.starts_with("HTTP/1.1 200 ") ? std::string() : "it answers " + std::string(line);
}

/// Sends the request over an open connection and reads the answer.
std::string ask_by_tls(int socket, tls::context const& with, std::chrono::steady_clock::time_point due,
                       std::string const& too_late) {
  tls::stream stream(with, socket, tls::stream::side::client);
  /// Waits until the socket is ready for the step that would block.
  auto const waited = [&](tls::outcome how) {
    auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(due - std::chrono::steady_clock::now());
    pollfd wanted{socket, static_cast<short>(how == tls::outcome::wants_read ? POLLIN : POLLOUT), 0};
    return left.count() > 0 && ::poll(&wanted, 1, static_cast<int>(left.count())) > 0;
  };
  auto const is_waiting = [](tls::outcome how) {
    return how == tls::outcome::wants_read || how == tls::outcome::wants_write;
  };
  auto how = stream.handshake();
  while (is_waiting(how)) {
    if (!waited(how)) return too_late;
    how = stream.handshake();
  }
  if (how != tls::outcome::done) return "no TLS: " + stream.failure();
  // A request this short is written at once.
  if (stream.write(request).how != tls::outcome::done) return "the connection broke: " + stream.failure();
  std::string line(line_bytes_max, ' ');
  for (std::size_t got = 0; got < line.size();) {
    auto const [read, bytes] = stream.read(std::span(line).subspan(got));
    got += bytes;
    if (auto const end = line.find('\r'); end < got) return judge(line.substr(0, end));
    if (read == tls::outcome::done) continue;
    if (!is_waiting(read)) return "the connection broke: " + stream.failure();
    if (!waited(read)) return too_late;
  }
  return "it does not speak HTTP";
}

}  // namespace

std::string check_health(std::string const& address, std::uint16_t port, std::chrono::nanoseconds timeout,
                         tls::context const& tls) {
  using boost::asio::ip::tcp;
  auto const due = std::chrono::steady_clock::now() + timeout;
  auto const too_late = "no answer within " + protocol::format_duration(timeout);
  auto const explain = [&](boost::system::error_code const& error, char const* what) {
    return error == boost::asio::error::timed_out ? too_late : what + error.message();
  };
  tcp::iostream stream;
  stream.expires_after(timeout);
  stream.connect(tcp::endpoint(boost::asio::ip::make_address(address), port));
  if (!stream) return explain(stream.error(), "no server answers: ");
  if (tls) {
    stream.rdbuf()->socket().non_blocking(true);
    return ask_by_tls(stream.rdbuf()->socket().native_handle(), tls, due, too_late);
  }
  stream << request << std::flush;
  std::string line(line_bytes_max, ' ');
  stream.getline(line.data(), static_cast<std::streamsize>(line.size()), '\r');
  if (!stream) return stream.error() ? explain(stream.error(), "the connection broke: ") : "it does not speak HTTP";
  line.resize(static_cast<std::size_t>(stream.gcount()) - 1);
  return judge(line);
}

}  // namespace holdfast::server
