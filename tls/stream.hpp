#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tls/context.hpp"

struct ssl_st;

namespace holdfast::tls {

/// The result of a step.
enum class outcome {
  done,
  wants_read,   ///< repeat the step when the socket is readable
  wants_write,  ///< repeat the step when the socket is writable
  ended,        ///< the peer ended the stream properly, with close_notify
  failed,       ///< the connection broke, or the peer violated the protocol; see failure()
};

struct moved {
  outcome how;
  std::size_t bytes;  ///< greater than 0 if and only if done
};

/// The socket below a stream.
struct stream_socket {
  int descriptor;
  bool may_read = true;   ///< false: the step has read once, and continues when the socket is readable again
  std::size_t taken = 0;  ///< number of bytes that read() has taken from it
};

/// TLS on a non-blocking socket, which it does not own. Never blocks; reads ahead at most one record of 16 KiB.
/// Each step ends soon, even if the peer sends without pause. Single-threaded.
class stream {
 public:
  enum class side { client, server };

  /// @throws std::bad_alloc
  stream(context const& with, int socket, side which);

  /// For clients, before handshake(): the name or address that the server's certificate must match.
  void expect(std::string const& host);
  /// Like expect(), without checking the certificate: only sends the name to the server.
  void name(std::string const& host);

  /// Repeat until it is done or has failed.
  outcome handshake() noexcept;
  [[nodiscard]] bool is_established() const noexcept { return is_established_; }
  /// True if the peer resumed an earlier session.
  [[nodiscard]] bool is_resumed() const noexcept;

  /// Reads what is available, or a part of it. A peer that sends 64 KiB without any data has failed.
  moved read(std::span<char> room) noexcept;

  /// True if read() may return more although the socket is not readable: buffered bytes, or the end.
  [[nodiscard]] bool has_unread() const noexcept { return has_unread_; }

  /// Writes what the socket accepts. Pass the rest again, at the front of the next write.
  moved write(std::string_view bytes) noexcept;

  /// The largest record.
  static constexpr std::size_t record_bytes_max = 16 * 1024;

  /// Sends close_notify if the socket accepts it at once. Has no effect if the stream was never established or has
  /// failed.
  void end() noexcept;

  /// A message that says why a step has failed, and what to do.
  [[nodiscard]] std::string failure(trust_flags const& flags = {}) const;

 private:
  void begin_step() noexcept;
  outcome outcome_of(int result) noexcept;
  [[nodiscard]] bool sends_no_data() noexcept;

  struct release {
    void operator()(ssl_st* one) const noexcept;
  };
  std::unique_ptr<stream_socket> socket_;  // OpenSSL keeps a pointer to it
  std::unique_ptr<ssl_st, release> ssl_;
  bool is_established_ = false;
  bool has_unread_ = false;
  bool has_failed_ = false;
  std::size_t taken_without_data_ = 0;  // since read() last returned data
  int errno_ = 0;                       // of the failed step
  unsigned long reason_ = 0;            // OpenSSL's error code
};

}  // namespace holdfast::tls
