#include "tests/support/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace holdfast::tests {
namespace {

[[noreturn]] void fail(std::string const& what, std::string const& unread) {
  throw std::runtime_error(what + "; unread so far: '" + unread.substr(0, 500) + "'");
}

}  // namespace

raw_client::raw_client(std::uint16_t port, int receive_buffer_bytes)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  int const one = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  timeval const longest{patience.count(), 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
  if (receive_buffer_bytes != 0)
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (socket_ < 0 || ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error(std::string("can't connect: ") + std::strerror(errno));
}

struct raw_client::tls_side {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> stream{nullptr, SSL_free};
};

raw_client::raw_client(std::uint16_t port, tls_terms const& terms, int receive_buffer_bytes)
    : raw_client(port, receive_buffer_bytes) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL uses write(2)
  timeval const longest{patience.count(), 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
  tls_ = std::make_unique<tls_side>();
  auto* const context = tls_->context.get();
  if (terms.version_min < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, terms.version_min);
  SSL_CTX_set_max_proto_version(context, terms.version_max);
  SSL_CTX_set_alpn_protos(context, reinterpret_cast<unsigned char const*>("\x08http/1.1"), 9);
  if (!terms.ca_file.empty()) {
    SSL_CTX_load_verify_file(context, terms.ca_file.c_str());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (!terms.certificate.empty()) {
    SSL_CTX_use_certificate_file(context, terms.certificate.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context, terms.key.c_str(), SSL_FILETYPE_PEM);
  }
  tls_->stream.reset(SSL_new(context));
  SSL_set_fd(tls_->stream.get(), socket_);
  ERR_clear_error();
  if (SSL_connect(tls_->stream.get()) == 1) return;
  auto const* const reason = ERR_reason_error_string(ERR_peek_error());
  throw std::runtime_error(std::string("no TLS: ") + (reason != nullptr ? reason : "the connection ended"));
}

raw_client::raw_client(accepted end) : socket_(end.descriptor) {}

raw_client raw_client::of_accepted(int descriptor) {
  timeval const longest{patience.count(), 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
  return raw_client(accepted{descriptor});
}

raw_client::~raw_client() {
  close();
}

bool raw_client::send_by_one(std::string_view bytes) {
  for (auto const& one : bytes)
    if (!send({&one, 1})) return false;
  return true;
}

bool raw_client::renegotiate() {
  auto* const ssl = tls_->stream.get();
  SSL_renegotiate(ssl);
  auto const done = SSL_do_handshake(ssl) == 1 && SSL_renegotiate_pending(ssl) == 0;
  ERR_clear_error();
  return done;
}

void raw_client::notify_close() {
  SSL_shutdown(tls_->stream.get());
}

void raw_client::send_and_leave(std::string_view bytes) {
  int const one = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_CORK, &one, sizeof one);
  send(bytes);
  half_close();
}

bool raw_client::renew_keys(int times) {
  auto* const ssl = tls_->stream.get();
  ERR_clear_error();
  for (int i = 0; i < times; ++i)
    if (SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1 || SSL_do_handshake(ssl) != 1) return false;
  return true;
}

std::string raw_client::version() const {
  return SSL_get_version(tls_->stream.get());
}

std::string raw_client::protocol() const {
  unsigned char const* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(tls_->stream.get(), &name, &length);
  return {reinterpret_cast<char const*>(name), length};
}

std::string raw_client::certificate_serial() const {
  auto const* const certificate = SSL_get0_peer_certificate(tls_->stream.get());
  return std::to_string(ASN1_INTEGER_get(X509_get0_serialNumber(certificate)));
}

raw_client::raw_client(raw_client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), tls_(std::move(other.tls_)), unread_(std::move(other.unread_)) {}

raw_client& raw_client::operator=(raw_client&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(tls_, other.tls_);
  std::swap(unread_, other.unread_);
  return *this;
}

bool raw_client::send(std::string_view bytes) {
  if (tls_) {
    ERR_clear_error();
    return bytes.empty() || SSL_write(tls_->stream.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  while (!bytes.empty()) {
    auto const sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) fail("the peer does not read", unread_);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

raw_client::event raw_client::read_some() {
  char bytes[65536];
  if (tls_) {
    ERR_clear_error();
    auto const got = SSL_read(tls_->stream.get(), bytes, sizeof bytes);
    if (got > 0) {
      unread_.append(bytes, static_cast<std::size_t>(got));
      return event::data;
    }
    if (SSL_get_error(tls_->stream.get(), got) == SSL_ERROR_WANT_READ) fail("nothing came in time", unread_);
    return SSL_get_error(tls_->stream.get(), got) == SSL_ERROR_ZERO_RETURN ? event::end : event::broken;
  }
  pollfd wanted{socket_, POLLIN, 0};
  auto const ready = ::poll(&wanted, 1, static_cast<int>(std::chrono::milliseconds(patience).count()));
  if (ready == 0) fail("nothing came in time", unread_);
  auto const got = ::recv(socket_, bytes, sizeof bytes, 0);
  if (got < 0) return event::broken;
  unread_.append(bytes, static_cast<std::size_t>(got));
  return got > 0 ? event::data : event::end;
}

void raw_client::await_data() {
  switch (read_some()) {
    case event::data:
      return;
    case event::end:
      fail("the peer closed before an answer was whole", unread_);
    case event::broken:
      fail(std::string("the connection broke before an answer was whole: ") + std::strerror(errno), unread_);
  }
}

raw_reply raw_client::receive(bool to_head) {
  std::size_t end = 0;
  while ((end = unread_.find("\r\n\r\n")) == std::string::npos) await_data();
  auto reply = parse_reply_head(std::string_view(unread_).substr(0, end + 2));
  unread_.erase(0, end + 4);

  auto const length = reply.field("content-length");
  if (!to_head && !length.empty() && reply.status != 304) {
    auto const bytes = std::stoul(length);
    while (unread_.size() < bytes) await_data();
    reply.body = unread_.substr(0, bytes);
    unread_.erase(0, bytes);
  }
  if (auto const broken = broken_promise(reply, to_head); !broken.empty())
    fail("an answer with status " + std::to_string(reply.status) + ": " + broken + "; its body: '" + reply.body + "'",
         unread_);
  return reply;
}

bool raw_client::is_closed_by_peer() {
  return unread_.empty() && read_some() == event::end;
}

bool raw_client::is_dropped_by_peer() {
  return unread_.empty() && read_some() != event::data;
}

std::string raw_client::receive_rest() {
  while (read_some() == event::data) {
  }
  return std::exchange(unread_, {});
}

std::string raw_client::receive_until(std::string_view end) {
  std::size_t at = 0;
  while ((at = unread_.find(end)) == std::string::npos) await_data();
  auto text = unread_.substr(0, at + end.size());
  unread_.erase(0, text.size());
  return text;
}

bool raw_client::stays_silent(std::chrono::milliseconds time) {
  pollfd wanted{socket_, POLLIN, 0};
  return unread_.empty() && ::poll(&wanted, 1, static_cast<int>(time.count())) == 0;
}

bool raw_client::is_reset_within(std::chrono::milliseconds time) {
  pollfd wanted{socket_, 0, 0};
  return ::poll(&wanted, 1, static_cast<int>(time.count())) == 1 && (wanted.revents & POLLERR) != 0;
}

void raw_client::half_close() {
  if (tls_) SSL_shutdown(tls_->stream.get());
  ::shutdown(socket_, SHUT_WR);
}

void raw_client::reset() {
  linger const at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void raw_client::close() {
  tls_.reset();
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

std::string request(std::string_view method, std::string_view target, std::string_view body, std::string_view more) {
  std::string text;
  ((((text += method) += ' ') += target) += " HTTP/1.1\r\nHost: test\r\n") += more;
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return (text += "\r\n") += body;
}

}  // namespace holdfast::tests
