#include "server/app/healthcheck.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "protocol/duration.hpp"

namespace holdfast::server {

std::string check_health(std::string const& address, std::uint16_t port, std::chrono::nanoseconds timeout) {
  using boost::asio::ip::tcp;
  auto const explain = [&](boost::system::error_code const& error, char const* what) {
    return error == boost::asio::error::timed_out ? "no answer within " + protocol::format_duration(timeout)
                                                  : what + error.message();
  };
  tcp::iostream stream;
  stream.expires_after(timeout);
  stream.connect(tcp::endpoint(boost::asio::ip::make_address(address), port));
  if (!stream) return explain(stream.error(), "no server answers: ");
  stream << "GET /readyz HTTP/1.1\r\nHost: healthcheck\r\nConnection: close\r\n\r\n" << std::flush;
  std::string line(200, ' ');
  // No longer than a status line is, whatever comes.
  stream.getline(line.data(), static_cast<std::streamsize>(line.size()), '\r');
  if (!stream) return stream.error() ? explain(stream.error(), "the connection broke: ") : "it does not speak HTTP";
  line.resize(static_cast<std::size_t>(stream.gcount()) - 1);
  return line.starts_with("HTTP/1.1 200 ") ? std::string() : "it answers " + line;
}

}  // namespace holdfast::server
