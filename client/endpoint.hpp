#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/error.hpp"
#include "tls/context.hpp"

namespace holdfast::client {

/// Where a server is, as its URL says.
struct endpoint {
  std::string host = "127.0.0.1";            ///< a name or an address, IPv6 without its brackets
  std::string port = "8080";                 ///< decimal
  std::string authority = "127.0.0.1:8080";  ///< as the Host field has it (RFC 9110 §7.2)
  bool is_tls = false;
  tls::client_trust trust{};  ///< of TLS; not in the URL

  /// `http://127.0.0.1:8080`.
  [[nodiscard]] std::string url() const { return (is_tls ? "https://" : "http://") + authority; }

  /// Servers of the same data, as those of a cluster, which are asked where this one is not there or can't answer.
  std::vector<endpoint> others{};

  std::string token{};  ///< that the server asks for; empty: none. Never in a URL, and never shown

  bool operator==(endpoint const&) const = default;
};

/// Whether that can be a token as an Authorization field has it (RFC 6750 §2.1).
[[nodiscard]] bool is_token(std::string_view text) noexcept;

/// The field that carries the server's token, with its line end; empty where there is none.
[[nodiscard]] std::string authorization_field(endpoint const& server);

/// Reads `http://host[:port][/]`, whose port is 80 when none is given, or https://, whose port is 443; or without the
/// scheme `host[:port]`, whose port is then 8080; or a port alone, of this machine.
/// @return error_kind::invalid_request with what would be right for anything else: another scheme, user information, a
/// path, a query.
[[nodiscard]] result<endpoint> parse_server_url(std::string_view url);

/// It and the others, with its token and what it trusts.
[[nodiscard]] std::vector<endpoint> servers_of(endpoint const& first);

/// Their URLs, with commas between.
[[nodiscard]] std::string urls_of(endpoint const& first);

}  // namespace holdfast::client
