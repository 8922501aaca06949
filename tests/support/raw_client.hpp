#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/support/raw_reply.hpp"

namespace holdfast::tests {

/// TLS settings of a client. It uses OpenSSL's own socket functions, not the tested code.
struct tls_terms {
  std::string ca_file{};             ///< the trusted authority; empty to accept any certificate
  std::string certificate{}, key{};  ///< the client's own; empty for none
  int version_min = 0x0303, version_max = 0x0304;
};

/// A blocking TCP client that sends exactly the given bytes. Every wait has a time limit and then throws
/// std::runtime_error with the bytes received so far, so a test fails with a message instead of hanging.
class raw_client {
 public:
  static constexpr std::chrono::seconds patience{30};

  /// @param receive_buffer_bytes of the kernel; 0 for its default. A small buffer makes a slow reader.
  explicit raw_client(std::uint16_t port, int receive_buffer_bytes = 0);
  /// Connects with TLS. @throws std::runtime_error if the handshake fails
  raw_client(std::uint16_t port, tls_terms const& terms, int receive_buffer_bytes = 0);
  /// The accepted end of a connection, for a test that plays a server; takes over the descriptor.
  [[nodiscard]] static raw_client of_accepted(int descriptor);
  ~raw_client();
  raw_client(raw_client&& other) noexcept;
  raw_client& operator=(raw_client&& other) noexcept;

  /// Sends all of `bytes`. @return false if the peer has closed or reset the connection.
  bool send(std::string_view bytes);

  /// Reads one complete answer, including 1xx, and checks what the API promises for every answer.
  /// @param to_head true for a HEAD request, whose answer has no content.
  raw_reply receive(bool to_head = false);

  /// Sends and receives.
  raw_reply ask(std::string_view bytes) {
    send(bytes);
    return receive(bytes.starts_with("HEAD "));
  }

  /// True if the peer ends the stream properly (FIN) before anything else arrives.
  bool is_closed_by_peer();

  /// True if the peer ends the stream, by FIN or reset, before anything else arrives.
  bool is_dropped_by_peer();

  /// Everything until the peer ends the stream, by FIN or reset.
  std::string receive_rest();

  /// Everything up to and including `end`.
  std::string receive_until(std::string_view end);

  /// True if nothing arrives and the connection stays open for `time`.
  bool stays_silent(std::chrono::milliseconds time);

  /// True if the peer resets the connection (RST) within `time`. Does not read, so the peer's sends are blocked.
  bool is_reset_within(std::chrono::milliseconds time);

  // --- with TLS ---

  /// Sends each byte in a record of its own.
  bool send_by_one(std::string_view bytes);
  /// Requests a renegotiation, and then an answer to `bytes`. @return true if the server accepted it
  bool renegotiate();
  /// Sends close_notify without a FIN.
  void notify_close();
  /// Sends `bytes`, close_notify and a FIN in one segment.
  void send_and_leave(std::string_view bytes);
  /// Renews its keys so many times. @return false if the peer has closed or reset the connection.
  bool renew_keys(int times);
  /// `TLSv1.3`.
  [[nodiscard]] std::string version() const;
  [[nodiscard]] std::string protocol() const;  ///< by ALPN
  [[nodiscard]] std::string certificate_serial() const;

  void half_close();  ///< sends a FIN, keeps reading
  void reset();       ///< sends a RST
  void close();

 private:
  enum class event { data, end, broken };
  event read_some();
  void await_data();

  struct accepted {
    int descriptor;
  };
  explicit raw_client(accepted end);

  struct tls_side;
  int socket_ = -1;
  std::unique_ptr<tls_side> tls_;
  std::string unread_;
};

/// `METHOD TARGET` as a request with a Host field. `more` contains further field lines, each with its CRLF; a body gets
/// a Content-Length.
std::string request(std::string_view method, std::string_view target, std::string_view body = {},
                    std::string_view more = {});

}  // namespace holdfast::tests
