#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

struct ssl_ctx_st;
struct ssl_st;

namespace holdfast::tls {

/// Certificates, keys and rules shared by streams: an SSL_CTX of OpenSSL. Immutable once created, so streams of several
/// threads may share it.
using context = std::shared_ptr<ssl_ctx_st>;

/// Thrown for unusable files; the message says what to do.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct server_files {
  std::string certificate{};  ///< PEM: the server's certificate, followed by intermediate certificates
  std::string key{};          ///< PEM, without a passphrase
  std::string client_ca{};  ///< PEM: authorities of client certificates, which are then required; empty to request none
};

/// TLS 1.2 and 1.3, http/1.1, no renegotiation, resumption by tickets. @throws error
[[nodiscard]] context server_context(server_files const& files);

/// The expiry of a context's certificate, in seconds since 1970.
[[nodiscard]] std::int64_t not_after(context const& of);

/// The authorities that a client trusts, and its own certificate.
struct client_trust {
  std::string ca_certificate{};      ///< PEM: the trusted authorities; empty for the system's
  std::string client_certificate{};  ///< PEM; empty for none
  std::string client_key{};          ///< PEM; empty if it is in the certificate's file
  bool accept_any = false;           ///< accepts every certificate: gives no protection against an active attacker

  bool operator==(client_trust const&) const = default;
};

/// The flags that messages tell the user of a client about.
struct trust_flags {
  std::string_view ca = "--ca-cert";
  std::string_view certificate = "--client-cert and --client-key";
};

/// A client's context, with its files read now. @throws error
[[nodiscard]] context new_client_context(client_trust const& trust);

/// A client's context. Streams with the same files share one; the files are read again after its last user is gone.
/// Thread-safe. @throws error
[[nodiscard]] context client_context(client_trust const& trust);

/// Offers a server the session of the client's latest connection to it, so that the handshake needs no certificate, and
/// keeps the session that comes of this one. Only for streams of client_context(), before the handshake. A session is
/// known by its context too, so it is offered under the same trust alone. Thread-safe.
void remember_session(ssl_st* stream, std::string const& server);

}  // namespace holdfast::tls
