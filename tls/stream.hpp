#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tls/context.hpp"

struct ssl_st;

namespace holdfast::tls {

/// What became of a step.
enum class outcome {
  done,
  wants_read,   ///< when the socket is readable again, the same step goes on
  wants_write,  ///< when it is writable
  ended,        ///< the peer has ended the stream in order, by close_notify
  failed,       ///< the connection broke, or the peer doesn't keep to the protocol; failure() says how
};

struct moved {
  outcome how;
  std::size_t bytes;  ///< more than 0 exactly if done
};

/// TLS on a non-blocking socket, which stays its owner's. Never waits and reads no more than it is asked for, but for
/// one record of 16 KiB. One thread.
class stream {
 public:
  enum class side { client, server };

  /// @throws std::bad_alloc
  stream(context const& with, int socket, side which);

  /// Before handshake(), on the client's side: the name or address that the server's certificate must be for.
  void expect(std::string const& host);
  /// The same for one whose certificate is not looked at: tells the server its name alone.
  void name(std::string const& host);

  /// Until it is done, or has failed.
  outcome handshake() noexcept;
  [[nodiscard]] bool is_established() const noexcept { return is_established_; }
  /// Whether the peer went on with an earlier session.
  [[nodiscard]] bool is_resumed() const noexcept;

  /// Reads what there is.
  moved read(std::span<char> room) noexcept;

  /// Whether read() may have more although the socket is not readable: bytes that have come already, or the end.
  [[nodiscard]] bool has_unread() const noexcept { return has_unread_; }

  /// Writes what the socket takes. What it has not taken must be given again, at the front of what follows.
  moved write(std::string_view bytes) noexcept;

  /// The most that becomes one record.
  static constexpr std::size_t record_bytes_max = 16 * 1024;

  /// Tells the peer that nothing follows (close_notify), as far as the socket takes that at once. Harmless where the
  /// stream was never established or has failed.
  void end() noexcept;

  /// Why a step has failed, for people.
  [[nodiscard]] std::string failure() const;

 private:
  outcome outcome_of(int result) noexcept;

  struct release {
    void operator()(ssl_st* one) const noexcept;
  };
  std::unique_ptr<ssl_st, release> ssl_;
  bool is_established_ = false;
  bool has_unread_ = false;
  bool has_failed_ = false;
  int errno_ = 0;             // of the step that failed
  unsigned long reason_ = 0;  // OpenSSL's
};

}  // namespace holdfast::tls
