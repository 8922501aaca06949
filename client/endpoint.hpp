#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/error.hpp"
#include "tls/context.hpp"

namespace holdfast::client {

/// A server's address, as in its URL.
struct endpoint {
  std::string host = "127.0.0.1";            ///< a name or an address, IPv6 without brackets
  std::string port = "8080";                 ///< decimal
  std::string authority = "127.0.0.1:8080";  ///< as in the Host field (RFC 9110 §7.2)
  bool is_tls = false;
  tls::client_trust trust{};  ///< settings for TLS; not part of the URL

  /// `http://127.0.0.1:8080`.
  [[nodiscard]] std::string url() const { return (is_tls ? "https://" : "http://") + authority; }

  /// Other servers of the same data, as in a cluster, to ask if this one can't be reached or can't answer.
  std::vector<endpoint> others{};

  std::string token{};  ///< empty: none. Never part of a URL, and never shown

  bool operator==(endpoint const&) const = default;
};

/// True if the text is a valid token for an Authorization field (RFC 6750 §2.1).
[[nodiscard]] bool is_token(std::string_view text) noexcept;

/// The field with the server's token, including its line end; empty if there is no token.
[[nodiscard]] std::string authorization_field(endpoint const& server);

/// Parses `http://host[:port][/]` with default port 80, https:// with default port 443, `host[:port]` with default port
/// 8080, or a port alone for this machine. @return error_kind::invalid_request with a correct example for anything
/// else: another scheme, user information, a path, a query.
[[nodiscard]] result<endpoint> parse_server_url(std::string_view url);

/// This server and the others, each with the token and the TLS settings.
[[nodiscard]] std::vector<endpoint> servers_of(endpoint const& first);

/// Their URLs, separated by commas.
[[nodiscard]] std::string urls_of(endpoint const& first);

}  // namespace holdfast::client
