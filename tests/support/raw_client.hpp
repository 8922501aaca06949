#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace holdfast::tests {

/// An answer taken apart by code that shares nothing with the server's. Field names in lower case.
struct raw_reply {
  int status = 0;
  std::map<std::string, std::string> fields;
  std::string body;

  [[nodiscard]] std::string field(std::string const& name) const {
    auto const found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  }
  /// The `code` of a problem+json body; empty where there is none.
  [[nodiscard]] std::string code() const;
};

/// A blocking TCP client that sends the bytes it is given. Every wait is bounded and throws std::runtime_error with
/// what had arrived, so that a test that would hang fails and says why.
class raw_client {
 public:
  static constexpr std::chrono::seconds patience{20};

  explicit raw_client(std::uint16_t port);
  ~raw_client();
  raw_client(raw_client&& other) noexcept;
  raw_client& operator=(raw_client&& other) noexcept;

  /// Sends all of `bytes`. @return false when the peer has closed or reset meanwhile.
  bool send(std::string_view bytes);

  /// Reads one whole answer; 1xx count as answers. `to_head`: the request was a HEAD, so no content follows.
  raw_reply receive(bool to_head = false);

  /// Sends and receives.
  raw_reply ask(std::string_view bytes) {
    send(bytes);
    return receive(bytes.starts_with("HEAD "));
  }

  /// Whether the peer ends the stream in order (FIN) after nothing but `unread` bytes have come.
  bool is_closed_by_peer();

  /// Whether nothing arrives and the connection stays open for `time`.
  bool stays_silent(std::chrono::milliseconds time);

  void half_close();  ///< sends a FIN, keeps reading
  void reset();       ///< sends a RST
  void close();

 private:
  bool read_some();

  int socket_ = -1;
  std::string unread_;
};

/// `METHOD TARGET` as a request with a Host field; `more` are further field lines, each with its CRLF; a body gets its
/// Content-Length.
std::string request(std::string_view method, std::string_view target, std::string_view body = {},
                    std::string_view more = {});

}  // namespace holdfast::tests
