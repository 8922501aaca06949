#include "tls/stream.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/tls_files.hpp"

namespace holdfast::tls {
namespace {

constexpr std::size_t kib = 1024;
/// What OpenSSL takes from the socket at once: a record of maximum size.
constexpr std::size_t taken_at_once = 17 * kib;

/// A server's stream, and a client that uses OpenSSL itself. The client's records are gathered, so that many of them
/// reach the socket together.
class stream_test : public testing::Test {
 protected:
  stream_test() {
    auto const identity = files_.issue("server");
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_.data()), 0);
    int const much = 1024 * 1024;
    EXPECT_EQ(::setsockopt(ends_[1], SOL_SOCKET, SO_SNDBUF, &much, sizeof much), 0);
    context const with = server_context({.certificate = identity.certificate, .key = identity.key, .client_ca = {}});
    server_ = std::make_unique<stream>(with, ends_[0], stream::side::server);
    SSL_set_bio(client_.get(), BIO_new_socket(ends_[1], BIO_NOCLOSE), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client_.get());
    for (int steps = 0; steps < 10 && !server_->is_established(); ++steps) {
      SSL_do_handshake(client_.get());
      send_gathered();
      server_->handshake();
    }
    EXPECT_TRUE(server_->is_established());
  }
  ~stream_test() override {
    server_.reset();
    for (auto const end : ends_) ::close(end);
  }

  // --- the client ---

  void gather_new_keys(int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_EQ(SSL_key_update(client_.get(), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
      ASSERT_EQ(SSL_do_handshake(client_.get()), 1);
    }
  }

  void gather_record(std::string const& data) {
    ASSERT_EQ(SSL_write(client_.get(), data.data(), static_cast<int>(data.size())), static_cast<int>(data.size()));
  }

  /// @return the number of bytes.
  std::size_t send_gathered() {
    auto* const gathered = SSL_get_wbio(client_.get());
    std::string bytes(BIO_ctrl_pending(gathered), ' ');
    if (bytes.empty()) return 0;
    EXPECT_EQ(BIO_read(gathered, bytes.data(), static_cast<int>(bytes.size())), std::ssize(bytes));
    EXPECT_EQ(::send(ends_[1], bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes));
    return bytes.size();
  }

  // --- the server ---

  [[nodiscard]] std::size_t left_in_socket() const {
    int bytes = 0;
    EXPECT_EQ(::ioctl(ends_[0], FIONREAD, &bytes), 0);
    return static_cast<std::size_t>(bytes);
  }

  moved read() { return server_->read(room_); }

  std::unique_ptr<stream> server_;

 private:
  tests::tls_files files_;
  std::array<int, 2> ends_{};
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> client_context_{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> client_{SSL_new(client_context_.get()), SSL_free};
  std::vector<char> room_ = std::vector<char>(64 * kib);
};

// OpenSSL's loop went on with all that was in the socket: one client could keep a thread of the server.
TEST_F(stream_test, a_read_ends_although_the_peer_sends_new_keys_without_pause) {
  gather_new_keys(2'000);
  auto const sent = send_gathered();
  ASSERT_GT(sent, 3 * taken_at_once);
  EXPECT_EQ(read().how, outcome::wants_read);
  EXPECT_GE(left_in_socket(), sent - taken_at_once);
  EXPECT_FALSE(server_->has_unread()) << "the rest is in the socket, which is readable";
}

TEST_F(stream_test, a_peer_that_sends_new_keys_and_no_data_has_failed) {
  gather_new_keys(4'000);
  auto const sent = send_gathered();
  ASSERT_GT(sent, 64 * kib + 2 * taken_at_once);
  auto how = outcome::wants_read;
  while (how == outcome::wants_read && left_in_socket() != 0) how = read().how;
  EXPECT_EQ(how, outcome::failed);
  EXPECT_GE(left_in_socket(), sent - 64 * kib - taken_at_once);
  EXPECT_NE(server_->failure(), "");
}

TEST_F(stream_test, a_peer_may_renew_its_keys_for_each_piece_of_data) {
  for (int round = 0; round < 8; ++round) {
    gather_new_keys(1'000);
    gather_record("x");
    send_gathered();
    auto got = read();
    while (got.how == outcome::wants_read) got = read();
    ASSERT_EQ(got.how, outcome::done) << round;
    ASSERT_EQ(got.bytes, 1U);
  }
}

TEST_F(stream_test, a_read_of_tiny_records_ends_early_and_loses_nothing) {
  constexpr std::size_t records = 6'000;
  for (std::size_t i = 0; i < records; ++i) gather_record("x");
  auto const sent = send_gathered();
  ASSERT_GT(sent, 4 * taken_at_once);
  auto got = read();
  EXPECT_EQ(got.how, outcome::done);
  EXPECT_GE(left_in_socket(), sent - 3 * taken_at_once);
  auto all = got.bytes;
  while (server_->has_unread() || left_in_socket() != 0) {
    got = read();
    ASSERT_TRUE(got.how == outcome::done || got.how == outcome::wants_read);
    all += got.bytes;
  }
  EXPECT_EQ(all, records);
}

TEST_F(stream_test, each_read_of_large_records_returns_data) {
  for (int i = 0; i < 6; ++i) gather_record(std::string(stream::record_bytes_max, 'x'));
  send_gathered();
  std::size_t all = 0;
  while (all < 6 * stream::record_bytes_max) {
    auto const got = read();
    ASSERT_EQ(got.how, outcome::done);
    EXPECT_GE(got.bytes, stream::record_bytes_max);
    all += got.bytes;
  }
}

}  // namespace
}  // namespace holdfast::tls
