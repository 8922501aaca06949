#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "server/net/byte_buffer.hpp"
#include "server/net/connection.hpp"

namespace holdfast::server {

/// The answers of one thread's connections to a batch of the loop, sent one after the other when all of the batch
/// have been served. A client that sleeps must be woken by whoever sends to it first, and that is a good part of what
/// sending costs; while it is awake, what else is sent to it costs less. (Redis, too, sends before it sleeps:
/// handleClientsWithPendingWrites() in networking.c.) One thread.
class outbox {
 public:
  /// Requests and answers together: nobody's answer waits for the work on more bytes than these, and on the answers to
  /// the last of them; that takes some hundred microseconds.
  static constexpr std::size_t work_bytes_max = 16 * 1024;

  /// Where a connection's answers to so many bytes are to be appended. Where others would have to wait too long for
  /// them, it first calls send_all(). What was appended since the last post() is dropped, so that what a connection
  /// leaves when it fails never reaches another's peer.
  [[nodiscard]] byte_buffer& open(std::size_t bytes_read) {
    if (gathered_ + bytes_read > work_bytes_max) send_all();
    answers_.truncate(posted_);
    gathered_ += bytes_read;
    return answers_;
  }

  /// What has been appended since, for whoever sends it now. Valid until the next open().
  [[nodiscard]] std::string_view appended() const noexcept { return answers_.view().substr(posted_); }

  /// Drops what has been appended, since it is kept elsewhere.
  void drop() noexcept { answers_.truncate(posted_); }

  /// Leaves what has been appended to be sent. `to` must live until send_all().
  void post(connection& to);

  /// Whether it is time for send_all().
  [[nodiscard]] bool is_full() const noexcept { return gathered_ >= work_bytes_max; }

  /// Sends what was posted, which may destroy any of the connections. What an owner throws comes out when the others'
  /// answers have been sent.
  void send_all();

 private:
  struct letter {
    connection* to;
    std::size_t end;  // in answers_
  };

  byte_buffer answers_;
  std::vector<letter> letters_;
  std::size_t next_ = 0;  // of letters_, to be sent
  std::size_t sent_ = 0;  // of answers_, as is the next
  std::size_t posted_ = 0;
  std::size_t gathered_ = 0;
};

}  // namespace holdfast::server
