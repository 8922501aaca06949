#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string_view>

#include "server/http/reply.hpp"
#include "server/loop/asio.hpp"
#include "server/loop/interruption.hpp"
#include "server/net/connection.hpp"

namespace holdfast::server {

class timer;

/// The client of a request that is being awaited, as its handler sees it: whether it is still there, and a way to send
/// an answer that is made piece by piece. One thread.
class client_link {
 public:
  /// All must outlive it. @param read_ahead_bytes_max what may come meanwhile of the client's next requests.
  client_link(connection& connection, reply_framing& framing, std::atomic<bool> const& draining,
              std::size_t read_ahead_bytes_max) noexcept
      : connection_(connection), framing_(framing), draining_(draining), read_ahead_bytes_max_(read_ahead_bytes_max) {}

  [[nodiscard]] bool is_draining() const noexcept { return draining_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool wants_head_only() const noexcept { return framing_.head_only; }

  /// Stands for awaiting something other than the client: a client that hangs up meanwhile stops it, and so does a
  /// drain, now or before.
  class waiting {
   public:
    explicit waiting(client_link& client);
    ~waiting() { client_.interruption_.reset(); }
    waiting(waiting const&) = delete;
    waiting& operator=(waiting const&) = delete;

    [[nodiscard]] interruption& stop() noexcept { return *client_.interruption_; }

   private:
    client_link& client_;
    connection::hang_up_watch const watch_;
  };

  /// Waits; a drain cuts that short. @return whether the client is still there.
  awaitable<bool> pause(std::chrono::nanoseconds time);
  /// The same, until a timer has expired or somebody has cancelled it.
  awaitable<bool> pause(timer& until);

  // --- an answer in pieces: begin(), send() for each, end(). Each returns whether the client is still there ---

  /// @param ends_connection whether nothing can come behind this answer, as it has no end of its own.
  void begin(reply const& head, bool ends_connection);

  /// What follows is for a client that takes contents; sends nothing of an empty piece.
  awaitable<bool> send(std::string_view piece);
  awaitable<bool> end();

  // --- for the session ---

  /// The server drains: ends a wait, not a hold.
  void drain();
  /// Its time is up: ends a hold too. @return whether there was one or the other.
  bool hurry();

 private:
  connection& connection_;
  reply_framing& framing_;
  std::atomic<bool> const& draining_;
  std::size_t const read_ahead_bytes_max_;
  std::optional<interruption> interruption_;
};

}  // namespace holdfast::server
