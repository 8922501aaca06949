#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "server/net/byte_buffer.hpp"
#include "server/net/connection.hpp"

namespace holdfast::server {

/// Collects the answers of one thread's connections during a batch of the loop, and sends them when the batch has been
/// served. A large part of the cost of sending is waking the client's process; while it is awake, sending more to it
/// costs less. (Redis also sends just before it sleeps: handleClientsWithPendingWrites() in networking.c.)
/// Single-threaded.
class outbox {
 public:
  /// Limit for requests and answers together: an answer waits at most for the work on this many bytes and for the
  /// answers to the last of them, which takes a few hundred microseconds.
  static constexpr std::size_t work_bytes_max = 16 * 1024;

  /// @return the buffer to which a connection appends its answers to `bytes_read` bytes of requests. Calls send_all()
  /// first if pending answers would wait too long for them. Discards bytes appended since the last post(), so that the
  /// unfinished answer of a failed connection never reaches another peer.
  [[nodiscard]] byte_buffer& open(std::size_t bytes_read) {
    if (gathered_ + bytes_read > work_bytes_max) send_all();
    answers_.truncate(posted_);
    gathered_ += bytes_read;
    return answers_;
  }

  /// The bytes appended since open(), for sending them directly. Valid until the next open().
  [[nodiscard]] std::string_view appended() const noexcept { return answers_.view().substr(posted_); }

  /// Discards the appended bytes; the caller has copied them.
  void drop() noexcept { answers_.truncate(posted_); }

  /// Queues the appended bytes to be sent to `to`, which must live until send_all().
  void post(connection& to);

  /// True if so much is pending that send_all() should run now.
  [[nodiscard]] bool is_full() const noexcept { return gathered_ >= work_bytes_max; }

  /// Sends all queued answers, which may destroy any of the connections. If an owner throws, the remaining answers are
  /// sent before the exception propagates.
  void send_all();

 private:
  struct letter {
    connection* to;
    std::size_t end;  // offset in answers_
  };

  byte_buffer answers_;
  std::vector<letter> letters_;
  std::size_t next_ = 0;  // index into letters_ of the next to send
  std::size_t sent_ = 0;  // offset in answers_, like posted_
  std::size_t posted_ = 0;
  std::size_t gathered_ = 0;
};

}  // namespace holdfast::server
