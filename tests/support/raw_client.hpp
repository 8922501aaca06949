#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/support/raw_reply.hpp"

namespace holdfast::tests {

/// How a client speaks TLS. By OpenSSL's own socket functions, not by what is tested.
struct tls_terms {
  std::string ca_file{};             ///< the authority to trust; empty: any certificate
  std::string certificate{}, key{};  ///< to show; empty: none
  int version_min = 0x0303, version_max = 0x0304;
};

/// A blocking TCP client that sends the bytes it is given. Every wait is bounded and throws std::runtime_error with
/// what had arrived, so that a test that would hang fails and says why.
class raw_client {
 public:
  static constexpr std::chrono::seconds patience{30};

  /// @param receive_buffer_bytes of the kernel; 0: its default. A small one lets a test be a slow reader.
  explicit raw_client(std::uint16_t port, int receive_buffer_bytes = 0);
  /// With TLS. @throws std::runtime_error where the handshake fails
  raw_client(std::uint16_t port, tls_terms const& terms, int receive_buffer_bytes = 0);
  ~raw_client();
  raw_client(raw_client&& other) noexcept;
  raw_client& operator=(raw_client&& other) noexcept;

  /// Sends all of `bytes`. @return false when the peer has closed or reset meanwhile.
  bool send(std::string_view bytes);

  /// Reads one whole answer; 1xx count as answers. It is held to what the contract promises of every answer.
  /// @param to_head the request was a HEAD, so no content follows.
  raw_reply receive(bool to_head = false);

  /// Sends and receives.
  raw_reply ask(std::string_view bytes) {
    send(bytes);
    return receive(bytes.starts_with("HEAD "));
  }

  /// Whether the peer ends the stream in order (FIN) before anything else arrives.
  bool is_closed_by_peer();

  /// Whether the peer has ended the stream before anything else arrives, in order or by a reset.
  bool is_dropped_by_peer();

  /// Everything until the peer ends the stream, in order or not.
  std::string receive_rest();

  /// Everything up to `end`, and that.
  std::string receive_until(std::string_view end);

  /// Whether nothing arrives and the connection stays open for `time`.
  bool stays_silent(std::chrono::milliseconds time);

  /// Whether the peer resets the connection (RST) within `time`. Reads nothing, so that the peer can't send.
  bool is_reset_within(std::chrono::milliseconds time);

  // --- with TLS ---

  /// Sends each of `bytes` in a record of its own.
  bool send_by_one(std::string_view bytes);
  /// Asks for a renegotiation, and then for an answer to `bytes`. @return whether the server went along
  bool renegotiate();
  /// Sends close_notify alone, no FIN.
  void notify_close();
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

  struct tls_side;
  int socket_ = -1;
  std::unique_ptr<tls_side> tls_;
  std::string unread_;
};

/// `METHOD TARGET` as a request with a Host field; `more` are further field lines, each with its CRLF; a body gets its
/// Content-Length.
std::string request(std::string_view method, std::string_view target, std::string_view body = {},
                    std::string_view more = {});

}  // namespace holdfast::tests
