#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

struct ssl_ctx_st;

namespace holdfast::tls {

/// Certificates, keys and rules that many streams share: an SSL_CTX of OpenSSL. It doesn't change once it is made, so
/// streams of several threads may begin with it.
using context = std::shared_ptr<ssl_ctx_st>;

/// Files that can't be used, with what to do about it.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct server_files {
  std::string certificate{};  ///< PEM: the server's certificate, and behind it those between it and the authority's
  std::string key{};          ///< PEM, without a passphrase
  std::string
      client_ca{};  ///< PEM: authorities of client certificates, which are then required; empty: none are asked for
};

/// TLS 1.2 and 1.3, http/1.1, no renegotiation, tickets for resumption. @throws error
[[nodiscard]] context server_context(server_files const& files);

/// Until when the certificate of a context is valid, in seconds since 1970.
[[nodiscard]] std::int64_t not_after(context const& of);

/// Whom a client trusts, and who it says that it is.
struct client_trust {
  std::string ca_certificate{};      ///< PEM: the authorities to trust; empty: the system's
  std::string client_certificate{};  ///< PEM; empty: none
  std::string client_key{};          ///< PEM; empty: in the file of the certificate
  bool accept_any = false;           ///< accepts any certificate, so that anybody in between can read and change all

  bool operator==(client_trust const&) const = default;
};

/// The context for such a client; streams with the same files share one, which is read again when nobody has it any
/// more. Any thread. @throws error
[[nodiscard]] context client_context(client_trust const& trust);

}  // namespace holdfast::tls
