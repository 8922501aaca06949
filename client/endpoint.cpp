#include "client/endpoint.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "protocol/target.hpp"

namespace holdfast::client {
namespace {

error refuse(std::string_view url, std::string_view why) {
  return {error_kind::invalid_request,
          "'" + std::string(url.substr(0, 200)) + "' is not a server's URL: " + std::string(why),
          {}};
}

bool is_port(std::string_view text) {
  std::uint16_t number = 0;
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc() && end == text.data() + text.size() && number != 0;
}

std::string lower(std::string_view text) {
  std::string small(text);
  std::ranges::transform(small, small.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return small;
}

}  // namespace

bool is_token(std::string_view text) noexcept {
  constexpr std::size_t bytes_max = 1024;
  return !text.empty() && text.size() <= bytes_max &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != ',' && c != ';'; });
}

std::string authorization_field(endpoint const& server) {
  return server.token.empty() ? std::string() : "Authorization: Bearer " + server.token + "\r\n";
}

result<endpoint> parse_server_url(std::string_view url) {
  constexpr auto how = "write http://host:port or https://host:port, such as http://127.0.0.1:8080";
  auto rest = url;
  // The short forms of a command line: an address alone means port 8080, a port alone means this machine.
  auto port = std::string_view("8080");
  std::string local;
  auto is_tls = false;
  if (auto const digits = url.substr(url.starts_with(':') ? 1 : 0);
      !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos)
    rest = local = "127.0.0.1:" + std::string(digits);
  if (auto const end = rest.find("://"); end != std::string_view::npos) {
    auto const scheme = lower(rest.substr(0, end));
    is_tls = scheme == "https";
    if (!is_tls && scheme != "http") return refuse(url, how);
    rest.remove_prefix(end + 3);
    port = is_tls ? "443" : "80";
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#") != std::string_view::npos)
    return refuse(url, "it names the server alone, without a path; the key is an argument of its own");
  if (rest.find('@') != std::string_view::npos) return refuse(url, "it can't hold a user name or password");

  auto host = rest;
  auto const colon = rest.rfind(':');
  auto const bracket = rest.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
    if (!is_port(port)) return refuse(url, "the port is a number from 1 to 65535");
  }
  if (host.empty() || !protocol::is_host(rest)) return refuse(url, how);

  endpoint server{.host = std::string(host),
                  .port = std::string(port),
                  .authority = std::string(rest),
                  .is_tls = is_tls,
                  .others = {},
                  .token = {}};
  // The Host field omits only the scheme's default port.
  if (host == rest && port != (is_tls ? "443" : "80")) (server.authority += ':') += port;
  if (host.starts_with('[')) server.host = host.substr(1, host.size() - 2);
  return server;
}

std::vector<endpoint> servers_of(endpoint const& first) {
  std::vector<endpoint> all{first};
  all.front().others.clear();
  for (auto const& other : first.others) {
    all.push_back(other);
    all.back().trust = first.trust;
    all.back().token = first.token;
  }
  return all;
}

std::string urls_of(endpoint const& first) {
  auto text = first.url();
  for (auto const& other : first.others) (text += ',') += other.url();
  return text;
}

}  // namespace holdfast::client
