#include "tls/context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::tls {
namespace {

// The application protocol in the format of RFC 7301.
constexpr unsigned char http11[] = "\x08http/1.1";
constexpr unsigned http11_bytes = sizeof http11 - 1;

/// OpenSSL's description of its last error.
std::string reason() {
  auto code = ERR_peek_last_error();
  if (ERR_GET_REASON(code) == ERR_R_SYS_LIB) code = ERR_peek_error();  // the system's own error
  std::string text;
  if (ERR_SYSTEM_ERROR(code)) {
    text = std::strerror(ERR_GET_REASON(code));
  } else if (auto const* const known = ERR_reason_error_string(code)) {
    text = known;
  } else {
    text = "unknown error";
  }
  ERR_clear_error();
  return text;
}

[[noreturn]] void refuse(std::string const& what, std::string const& file, std::string const& advice = {}) {
  throw error(what + " '" + file + "': " + reason() + advice);
}

/// Fails instead of asking for a passphrase on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

context new_context(SSL_METHOD const* method) {
  ERR_clear_error();
  context made(SSL_CTX_new(method), SSL_CTX_free);
  if (!made) throw error("OpenSSL can't begin: " + reason());
  auto* const raw = made.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  // For TLS 1.2 only suites with forward secrecy and authenticated encryption; all suites of TLS 1.3 have both.
  SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20");
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Read a record and its header with one system call.
  SSL_CTX_set_read_ahead(raw, 1);
  SSL_CTX_set_default_passwd_cb(raw, no_passphrase);
  return made;
}

void use_certificate(SSL_CTX* context, std::string const& certificate, std::string const& key) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
    refuse("can't read the certificate", certificate, "; it must be a PEM file, the server's own certificate first");
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
      throw error("the key '" + key + "' does not belong to the certificate '" + certificate + "'");
    refuse("can't read the key", key, "; it must be a PEM file without a passphrase");
  }
  if (SSL_CTX_check_private_key(context) != 1)
    throw error("the key '" + key + "' does not belong to the certificate '" + certificate + "': " + reason());
}

int choose_http11(SSL*, unsigned char const** chosen, unsigned char* bytes, unsigned char const* offered,
                  unsigned offered_bytes, void*) {
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, bytes, http11, http11_bytes, offered, offered_bytes) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

/// The sessions of a client's context: the latest of each server.
class known_sessions {
 public:
  /// A place that stays where it is.
  struct session {
    known_sessions* in = nullptr;
    SSL_SESSION* latest = nullptr;
  };

  known_sessions() = default;
  ~known_sessions() {
    for (auto const& [server, one] : by_server_) SSL_SESSION_free(one.latest);
  }
  known_sessions(known_sessions const&) = delete;
  known_sessions& operator=(known_sessions const&) = delete;

  /// Where OpenSSL keeps it with its context.
  static int index() {
    static int const own = SSL_CTX_get_ex_new_index(
        0, nullptr, nullptr, nullptr,
        [](void*, void* of, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<known_sessions*>(of); });
    return own;
  }

  void offer(SSL* stream, std::string const& server) {
    std::lock_guard const guard(mutex_);
    auto& one = by_server_[server];
    one.in = this;
    if (one.latest != nullptr) SSL_set_session(stream, one.latest);
    SSL_set_app_data(stream, &one);
  }

  /// OpenSSL calls it with each ticket that a server sends. @return whether the session is taken over.
  static int keep(SSL* stream, SSL_SESSION* fresh) {
    auto* const one = static_cast<session*>(SSL_get_app_data(stream));
    if (one == nullptr) return 0;
    std::lock_guard const guard(one->in->mutex_);
    SSL_SESSION_free(std::exchange(one->latest, fresh));
    return 1;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, session> by_server_;
};

}  // namespace

context new_client_context(client_trust const& trust) {
  auto made = new_context(TLS_client_method());
  auto* const raw = made.get();
  SSL_CTX_set_alpn_protos(raw, http11, http11_bytes);
  auto sessions = std::make_unique<known_sessions>();
  if (SSL_CTX_set_ex_data(raw, known_sessions::index(), sessions.get()) == 1) {
    [[maybe_unused]] auto const* const given_away = sessions.release();  // it ends with the context
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(raw, known_sessions::keep);
  }
  if (!trust.client_certificate.empty())
    use_certificate(raw, trust.client_certificate,
                    trust.client_key.empty() ? trust.client_certificate : trust.client_key);
  if (trust.accept_any) return made;
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  if (trust.ca_certificate.empty()) {
    SSL_CTX_set_default_verify_paths(raw);
  } else if (SSL_CTX_load_verify_file(raw, trust.ca_certificate.c_str()) != 1) {
    refuse("can't read the authorities' certificates", trust.ca_certificate, "; it must be a PEM file");
  }
  return made;
}

context server_context(server_files const& files) {
  auto made = new_context(TLS_server_method());
  auto* const raw = made.get();
  use_certificate(raw, files.certificate, files.key);
  SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_alpn_select_cb(raw, choose_http11, nullptr);
  // Sessions are kept by the clients in tickets; the server stores none.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(raw, 1);
  constexpr std::string_view session_context = "holdfast";
  SSL_CTX_set_session_id_context(raw, reinterpret_cast<unsigned char const*>(session_context.data()),
                                 static_cast<unsigned>(session_context.size()));
  if (files.client_ca.empty()) return made;
  auto* const names = SSL_load_client_CA_file(files.client_ca.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(raw, files.client_ca.c_str()) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    refuse("can't read the authorities of client certificates", files.client_ca, "; it must be a PEM file");
  }
  SSL_CTX_set_client_CA_list(raw, names);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return made;
}

void remember_session(ssl_st* stream, std::string const& server) {
  auto* const known = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(stream), known_sessions::index());
  if (known != nullptr) static_cast<known_sessions*>(known)->offer(stream, server);
}

std::int64_t not_after(context const& of) {
  std::tm time{};
  auto const* const certificate = SSL_CTX_get0_certificate(of.get());
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return 0;
  return static_cast<std::int64_t>(::timegm(&time));
}

context client_context(client_trust const& trust) {
  struct known_context {
    client_trust trust;
    std::weak_ptr<ssl_ctx_st> made;
  };
  static std::mutex mutex;
  static std::vector<known_context> known;
  std::lock_guard const guard(mutex);
  std::erase_if(known, [](auto const& one) { return one.made.expired(); });
  for (auto const& one : known) {
    if (one.trust != trust) continue;
    if (auto made = one.made.lock()) return made;
  }
  auto made = new_client_context(trust);
  known.push_back({trust, made});
  return made;
}

}  // namespace holdfast::tls
