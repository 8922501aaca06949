#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/loop/asio.hpp"
#include "server/loop/deadline.hpp"
#include "server/loop/interruption.hpp"
#include "server/net/byte_buffer.hpp"
#include "server/net/peer_address.hpp"
#include "server/net/unique_socket.hpp"
#include "tls/context.hpp"

namespace holdfast::server {

class handshake_turns;

/// What became of a read or a write.
enum class io_result {
  done,
  closed,       ///< the peer has ended the stream, or the connection broke, or close() was called
  timed_out,    ///< the deadline passed
  interrupted,  ///< interrupt() was called
};

/// One client's byte stream with its buffers and its deadline. Knows nothing of HTTP or of the lock. One thread.
///
/// It is either at rest, where its owner is called whenever there is something to read and nothing is kept but the
/// object itself, or at work, where one coroutine reads and writes by fill(), flush() and linger(), one of them at a
/// time.
///
/// Each read waits for its turn in the loop's set, so a peer that sends without pause is read once a turn, like
/// anybody else.
class connection final : private poll_source, private deadline {
 public:
  using clock = std::chrono::steady_clock;

  /// Who is called while the connection is at rest; each of these calls may destroy the connection. And on_resume().
  class owner {
   public:
    /// There are bytes to read, or the end of the stream.
    virtual void on_bytes() = 0;
    /// Nothing came until the deadline.
    virtual void on_idle_timeout() = 0;
    /// Of what was given to send(), the peer doesn't take this now, or never will.
    virtual void on_unsent(std::string_view bytes) = 0;
    /// The coroutine goes on, which may take its time.
    virtual void on_resume() = 0;

    // Of a peer that is to speak TLS:
    /// The handshake is done; on_bytes() follows where bytes have come with it.
    virtual void on_handshake() {}
    /// It speaks no TLS, but perhaps HTTP. From now on the connection is without TLS.
    virtual void on_plain_text() {}

   protected:
    ~owner() = default;
  };

  /// @param transfer_timeout how long moving bytes may take; a second more for each 16 KiB that the peer has taken.
  /// All that it refers to must outlive it.
  connection(unique_socket socket, owner& its_owner, event_loop& loop,
             std::chrono::nanoseconds transfer_timeout) noexcept;
  ~connection() override;
  connection(connection const&) = delete;
  connection& operator=(connection const&) = delete;

  /// Joins the loop's set; before anything else. @return false where the system has no room for one more.
  [[nodiscard]] bool open() noexcept;

  /// Before open(): the peer is to speak TLS. The handshake is done while the connection is at rest, until the deadline
  /// of that; one that fails is to its owner as if the peer had gone.
  void use_tls(tls::context with, handshake_turns& turns);

  /// Whether the TLS handshake is still to be done.
  [[nodiscard]] bool is_shaking_hands() const noexcept { return tls_ != nullptr && !is_tls_established(); }

  /// Whether there is something to read of which on_bytes() will not tell: TLS has it already. Then don't rest().
  [[nodiscard]] bool has_unread() const noexcept { return tls_ != nullptr && has_unread_in_tls(); }

  /// `203.0.113.7:5123`, for the log.
  [[nodiscard]] std::string peer() const { return to_string(address()); }

  /// The same, not as text.
  [[nodiscard]] peer_address address() const noexcept { return address_of_peer(socket_.get()); }

  // --- at rest ---

  /// From now on at rest, at most until `due`, and without buffers, but for output() where something is in it that the
  /// owner has still to send.
  void rest(clock::time_point due);

  /// Reads what there is. @return how many bytes; 0 at the end of the stream or where it broke, nothing where there is
  /// nothing yet.
  std::optional<std::size_t> read_some(std::span<char> room) noexcept;

  /// Sends what the peer takes at once, and buffers nothing. @return how many bytes; 0 also where the connection broke.
  std::size_t send_some(std::string_view bytes) noexcept;

  /// Sends, and leaves to the owner what the peer does not take at once.
  void send(std::string_view bytes) {
    if (auto const sent = send_some(bytes); sent != bytes.size()) owner_.on_unsent(bytes.substr(sent));
  }

  // --- at work ---

  /// From now on the owner is called no more, but for on_resume().
  void work() noexcept {
    at_rest_ = false;
    disarm();
  }

  [[nodiscard]] byte_buffer& input() noexcept { return input_; }

  /// What flush() will send.
  [[nodiscard]] byte_buffer& output() noexcept { return output_; }

  /// Waits for its turn, and reads something behind what input() holds, at most until `due`; room for at least
  /// `bytes_wanted`.
  awaitable<io_result> fill(clock::time_point due, std::size_t bytes_wanted);

  /// Sends output() and then `tail`, and empties output(). Never suspends.
  /// @return nothing where the peer doesn't take all at once: then flush() must finish the job, with the same tail.
  std::optional<io_result> try_flush(std::string_view tail = {});

  /// Sends what try_flush() has left.
  awaitable<io_result> flush(std::string_view tail = {});

  /// Half-closes and reads on for a short while, so that an answer arrives which was sent while the peer still wrote:
  /// closing with unread input would reset the connection and could destroy the answer (RFC 9112 §9.6). A peer that
  /// still takes its answer has as long as for any other.
  awaitable<void> linger(std::chrono::milliseconds time);

  /// For as long as it lives, reads ahead, up to `read_ahead_max` bytes in input(), and stops `stop` as soon as the
  /// peer hangs up: a FIN or a reset.
  class hang_up_watch {
   public:
    hang_up_watch(connection& watched, interruption& stop, std::size_t read_ahead_max);
    ~hang_up_watch() { watched_.watcher_ = nullptr; }
    hang_up_watch(hang_up_watch const&) = delete;
    hang_up_watch& operator=(hang_up_watch const&) = delete;

   private:
    connection& watched_;
  };

  /// Ends the fill() that waits now, if one does. @return whether one did.
  bool interrupt();

  /// Ends everything at once: what waits gets io_result::closed. The descriptor goes with the object.
  void close();

  /// Destroys the coroutine that waits, if one does; for the time when the loop runs no more.
  void forget_waiting() noexcept { waiting_.reset(); }

  /// The time by which a transfer that began at `since` must have moved more than `bytes`.
  [[nodiscard]] clock::time_point transfer_due(clock::time_point since, std::size_t bytes) const noexcept;

  /// What was sent and the peer's system has not acknowledged.
  [[nodiscard]] std::size_t bytes_not_taken() const noexcept;

 private:
  void on_ready(std::uint32_t events) final;
  void on_deadline() final;

  struct tls_side;
  void await_handshake_turn(std::uint32_t events);
  void shake_hands();
  void fail_handshake(std::string_view why);
  [[nodiscard]] bool has_unread_in_tls() const noexcept;
  [[nodiscard]] bool is_tls_established() const noexcept;
  std::optional<std::size_t> read_tls(std::span<char> room) noexcept;
  std::size_t send_tls(std::string_view bytes) noexcept;
  std::optional<io_result> try_flush_tls(std::string_view tail);

  void want(std::uint32_t events) noexcept;
  awaitable<io_result> wait_for(std::uint32_t events, clock::time_point due);
  void resume(io_result result);
  void read_ahead(std::uint32_t events);
  void give_up_unsent() noexcept;

  unique_socket socket_;
  std::unique_ptr<tls_side> tls_;  // null: plain
  bool registered_ = false;
  std::uint32_t wanted_ = 0;  // the events of the set that are asked for
  owner& owner_;
  event_loop& loop_;
  std::chrono::nanoseconds const transfer_timeout_;
  byte_buffer input_;
  byte_buffer output_;
  std::size_t tail_sent_ = 0;  // of the tail being flushed

  // How a coroutine is resumed that waits for the descriptor. (any_completion_handler of Boost 1.81 can't be moved.)
  using resumption = asio::async_result<asio::use_awaitable_t<executor_type>, void(io_result)>::handler_type;
  std::optional<resumption> waiting_;
  bool waits_to_read_ = false;
  bool at_rest_ = false;
  bool peer_ended_ = false;
  bool closed_ = false;

  interruption* watcher_ = nullptr;  // whom to tell of a hang-up
  std::size_t read_ahead_max_ = 0;
};

}  // namespace holdfast::server
