#include "tls/stream.hpp"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace holdfast::tls {
namespace {

/// Many times as much as a peer needs for tickets and new keys.
constexpr std::size_t taken_without_data_max = 64 * 1024;

// OpenSSL's own socket BIO uses write(2), so a closed connection would end the process by SIGPIPE.

stream_socket& socket_of(BIO* bio) {
  return *static_cast<stream_socket*>(BIO_get_data(bio));
}

int report(BIO* bio, ssize_t moved, int retry_flag) {
  BIO_clear_retry_flags(bio);
  if (moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
  return static_cast<int>(moved);
}

// OpenSSL handles everything that is not data, such as KeyUpdate messages, in a loop of its own until it has data. A
// peer that sends without pause would keep the thread in that loop.
int read_socket(BIO* bio, char* room, int bytes) {
  auto& from = socket_of(bio);
  if (!std::exchange(from.may_read, false)) {
    errno = EAGAIN;
    return report(bio, -1, BIO_FLAGS_READ);
  }
  auto const got = ::recv(from.descriptor, room, static_cast<std::size_t>(bytes), 0);
  if (got > 0) from.taken += static_cast<std::size_t>(got);
  return report(bio, got, BIO_FLAGS_READ);
}

int write_socket(BIO* bio, char const* from, int bytes) {
  auto const sent = ::send(socket_of(bio).descriptor, from, static_cast<std::size_t>(bytes), MSG_NOSIGNAL);
  return report(bio, sent, BIO_FLAGS_WRITE);
}

long control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD const* method() {
  static BIO_METHOD* const made = [] {
    auto* const one = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (one == nullptr) throw std::bad_alloc();
    BIO_meth_set_read(one, read_socket);
    BIO_meth_set_write(one, write_socket);
    BIO_meth_set_ctrl(one, control);
    return one;
  }();
  return made;
}

bool is_address(std::string const& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 || ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

/// Advice for the client's user if the server's certificate is not accepted.
std::string advice_on(long verified, trust_flags const& flags) {
  switch (verified) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the server's certificate has expired; its operator must renew it";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the server's certificate is not valid yet; is this machine's clock right?";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the server's certificate is for another host name; write the name that it is for in the URL";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "the server's certificate is of an authority that is not trusted here; " + std::string(flags.ca) +
             " FILE trusts the one in FILE";
    default:
      return std::string("the server's certificate is not accepted: ") + X509_verify_cert_error_string(verified);
  }
}

}  // namespace

void stream::release::operator()(ssl_st* one) const noexcept {
  // Else OpenSSL regards the session of a connection that ends without close_notify as bad, and resumes it never again.
  SSL_set_shutdown(one, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(one);
}

// Every function expects OpenSSL's error queue to be empty and leaves it empty: clearing it before each step would cost
// 2 % of a request.
stream::stream(context const& with, int socket, side which)
    : socket_(std::make_unique<stream_socket>(stream_socket{socket})), ssl_(SSL_new(with.get())) {
  auto* const bio = ssl_ ? BIO_new(method()) : nullptr;
  if (bio == nullptr) {
    ERR_clear_error();
    throw std::bad_alloc();
  }
  BIO_set_data(bio, socket_.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  which == side::server ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
}

void stream::expect(std::string const& host) {
  name(host);
  if (is_address(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str());
    return;
  }
  SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_set1_host(ssl_.get(), host.c_str());
}

void stream::name(std::string const& host) {
  // The SNI must not be an address (RFC 6066 §3).
  if (!is_address(host)) SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
  remember_session(ssl_.get(), host);
}

void stream::begin_step() noexcept {
  errno = 0;
  socket_->may_read = true;
}

outcome stream::outcome_of(int result) noexcept {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return outcome::done;
    case SSL_ERROR_WANT_READ:
      return outcome::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return outcome::wants_write;
    case SSL_ERROR_ZERO_RETURN:
      return outcome::ended;
    default:
      has_failed_ = true;
      errno_ = errno;
      reason_ = ERR_peek_error();
      // OpenSSL would take an error left in the queue for a failure of the next step, of any stream.
      ERR_clear_error();
      return outcome::failed;
  }
}

outcome stream::handshake() noexcept {
  begin_step();
  auto const how = outcome_of(SSL_do_handshake(ssl_.get()));
  if (how != outcome::done) return how;
  is_established_ = true;
  // The peer's first bytes may have arrived with the end of the handshake.
  has_unread_ = SSL_pending(ssl_.get()) > 0 || SSL_has_pending(ssl_.get()) == 1;
  return how;
}

bool stream::is_resumed() const noexcept {
  return SSL_session_reused(ssl_.get()) == 1;
}

moved stream::read(std::span<char> room) noexcept {
  auto* const ssl = ssl_.get();
  std::size_t all = 0;
  has_unread_ = false;
  socket_->taken = 0;
  while (all < room.size()) {
    begin_step();
    std::size_t got = 0;
    auto const result = SSL_read_ex(ssl, room.data() + all, room.size() - all, &got);
    if (result == 1) {
      all += got;
      has_unread_ = SSL_pending(ssl) > 0 || SSL_has_pending(ssl) == 1;
      // More only while most of what it takes is data.
      if (!has_unread_ || socket_->taken > all + record_bytes_max) break;
      continue;
    }
    auto const how = outcome_of(result);
    if (all == 0) return {how == outcome::wants_read && sends_no_data() ? outcome::failed : how, 0};
    // Returned by the next read(); the socket does not become readable for it.
    has_unread_ = how == outcome::ended || how == outcome::failed || how == outcome::wants_write;
    break;
  }
  taken_without_data_ = 0;
  return {outcome::done, all};
}

/// True if, with this read(), the peer has sent too much without data.
bool stream::sends_no_data() noexcept {
  taken_without_data_ += socket_->taken;
  if (taken_without_data_ <= taken_without_data_max) return false;
  has_failed_ = true;
  errno_ = EPROTO;
  return true;
}

moved stream::write(std::string_view bytes) noexcept {
  std::size_t all = 0;
  while (all < bytes.size()) {
    begin_step();
    std::size_t sent = 0;
    auto const piece = bytes.substr(all, record_bytes_max);
    auto const result = SSL_write_ex(ssl_.get(), piece.data(), piece.size(), &sent);
    if (result == 1) {
      all += sent;
      continue;
    }
    auto const how = outcome_of(result);
    if (all == 0 || how == outcome::failed) return {how, 0};
    break;
  }
  return {outcome::done, all};
}

void stream::end() noexcept {
  if (!is_established_ || has_failed_ || (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

std::string stream::failure(trust_flags const& flags) const {
  auto const verified = SSL_get_verify_result(ssl_.get());
  auto const code = reason_;
  if (!is_established_ && SSL_is_server(ssl_.get()) == 0 && verified != X509_V_OK) return advice_on(verified, flags);
  if (code == 0) return errno_ != 0 ? std::strerror(errno_) : "the peer ended the connection";
  if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return "the peer ended the connection";
  if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER) return "the peer does not speak TLS";
  if (ERR_GET_REASON(code) == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED)
    return "the server requires a client certificate; use " + std::string(flags.certificate);
  if (SSL_is_server(ssl_.get()) == 1 && verified != X509_V_OK)
    return std::string("client certificate refused: ") + X509_verify_cert_error_string(verified);
  auto const* const reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown error";
}

}  // namespace holdfast::tls
