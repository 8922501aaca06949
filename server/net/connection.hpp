#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/loop/asio.hpp"
#include "server/loop/byte_budget.hpp"
#include "server/loop/deadline.hpp"
#include "server/loop/interruption.hpp"
#include "server/net/byte_buffer.hpp"
#include "server/net/peer_address.hpp"
#include "server/net/unique_socket.hpp"
#include "tls/context.hpp"

namespace holdfast::server {

class handshake_turns;

/// The result of a read or a write.
enum class io_result {
  done,
  closed,       ///< the peer ended the stream, the connection broke, or close() was called
  timed_out,    ///< the deadline passed
  interrupted,  ///< interrupt() was called
  no_memory,    ///< the budget for memory is used up, so nothing was awaited
};

/// One client's byte stream with its buffers and its deadline. Independent of HTTP and of the lock. Single-threaded.
///
/// A connection is either at rest or at work. At rest it holds no buffers, and calls its owner when there is something
/// to read. At work, one coroutine reads and writes with fill(), flush() and linger(), one call at a time.
///
/// Every read waits until the loop reports the socket as ready, so a peer that sends without pause is read once per
/// turn, like all others.
class connection final : private poll_source, private deadline {
 public:
  using clock = std::chrono::steady_clock;

  /// Receives events: on_resume() at work, all others at rest. Each call may destroy the connection.
  class owner {
   public:
    /// There are bytes to read, or the stream has ended.
    virtual void on_bytes() = 0;
    /// Nothing arrived before the deadline.
    virtual void on_idle_timeout() = 0;
    /// The unsent rest of a send(): the peer cannot take it now, or the connection is broken.
    virtual void on_unsent(std::string_view bytes) = 0;
    /// The coroutine is about to continue, and may run for a while.
    virtual void on_resume() = 0;

    // For connections that use TLS:
    /// The handshake is done. on_bytes() follows if data arrived with it.
    virtual void on_handshake() {}
    /// The peer speaks no TLS, but possibly HTTP. The connection continues without TLS.
    virtual void on_plain_text() {}

   protected:
    ~owner() = default;
  };

  /// @param transfer_timeout the time limit for a transfer, extended by one second per 16 KiB that the peer has taken.
  /// All referenced objects must outlive the connection.
  connection(unique_socket socket, owner& its_owner, event_loop& loop,
             std::chrono::nanoseconds transfer_timeout) noexcept;
  ~connection() override;
  connection(connection const&) = delete;
  connection& operator=(connection const&) = delete;

  /// Joins the loop's epoll set; call first. @return false if the kernel has no memory for it.
  [[nodiscard]] bool open() noexcept;

  /// Call before open(): the peer must speak TLS. The handshake is done at rest, within the deadline of rest(). A
  /// failed handshake looks to the owner like a closed connection.
  void use_tls(tls::context with, handshake_turns& turns);

  /// From now on, memory that is kept while this waits for the peer, and output() at rest, counts in `budget`.
  void count_in(byte_budget& budget) {
    if (!counted_ || !counted_->is_of(budget)) counted_.emplace(budget);
  }

  /// True while the TLS handshake is not finished.
  [[nodiscard]] bool is_shaking_hands() const noexcept { return tls_ != nullptr && !is_tls_established(); }

  /// True if TLS has buffered bytes to read, for which on_bytes() will not be called. Do not rest() then.
  [[nodiscard]] bool has_unread() const noexcept { return tls_ != nullptr && has_unread_in_tls(); }

  /// `203.0.113.7:5123`, for the log.
  [[nodiscard]] std::string peer() const { return to_string(address()); }

  /// The peer's address as a value.
  [[nodiscard]] peer_address address() const noexcept { return address_of_peer(socket_.get()); }

  // --- at rest ---

  /// Enters rest until `due` at the latest. Frees the buffers, except output() if the owner still has to send its
  /// content.
  void rest(clock::time_point due);

  /// Reads what is available. @return the number of bytes; 0 at the end of the stream or on an error; nullopt if
  /// nothing is available yet.
  std::optional<std::size_t> read_some(std::span<char> room) noexcept;

  /// Sends what the socket accepts at once; buffers nothing. @return the number of bytes; 0 also on an error.
  std::size_t send_some(std::string_view bytes) noexcept;

  /// Sends what the socket accepts at once and passes the rest to owner::on_unsent().
  void send(std::string_view bytes) {
    if (auto const sent = send_some(bytes); sent != bytes.size()) owner_.on_unsent(bytes.substr(sent));
  }

  // --- at work ---

  /// Enters work: from now on the owner gets only on_resume().
  void work() noexcept {
    at_rest_ = false;
    disarm();
  }

  [[nodiscard]] byte_buffer& input() noexcept { return input_; }

  /// The bytes that flush() will send.
  [[nodiscard]] byte_buffer& output() noexcept { return output_; }

  /// Counts the buffers during a wait for something else than the peer, as far as they exceed `free_bytes`.
  /// @return false if the budget for memory is used up.
  [[nodiscard]] bool count_buffers(std::size_t free_bytes = 0) noexcept;

  /// The same for buffers that must be kept: they may exceed the budget.
  void count_kept_buffers() noexcept;

  /// Waits until a socket from dial() is connected. @return closed if the peer is unreachable.
  awaitable<io_result> finish_connect(clock::time_point due);

  /// Does the handshake as the client of a TLS server, whose certificate must be valid for `host`. Call it after
  /// finish_connect(). @return closed if the handshake failed; see tls_failure(). The arguments must outlive the call.
  awaitable<io_result> connect_tls(tls::context const& with, std::string const& host, clock::time_point due);

  /// Says why connect_tls() failed, and what to do.
  [[nodiscard]] std::string tls_failure(tls::trust_flags const& flags) const;

  /// Waits until the socket is readable, at most until `due`, and appends to input(), which gets space for at least
  /// `bytes_wanted`.
  awaitable<io_result> fill(clock::time_point due, std::size_t bytes_wanted);

  /// Sends output() and then `tail`, and empties output(). Never suspends.
  /// @return nullopt if the socket did not accept everything; then call flush() with the same tail.
  std::optional<io_result> try_flush(std::string_view tail = {});

  /// Sends what try_flush() left.
  awaitable<io_result> flush(std::string_view tail = {});

  /// How much of the tail has been sent, after a flush that failed.
  [[nodiscard]] std::size_t tail_sent() const noexcept { return tail_sent_; }

  /// Half-closes and keeps reading for up to `time`, so that the peer receives an answer sent while it was still
  /// writing: closing with unread input resets the connection and may destroy the answer (RFC 9112 §9.6). While the
  /// peer is still receiving the answer, the limit is the usual one of a transfer.
  awaitable<void> linger(std::chrono::milliseconds time);

  /// During its lifetime, reads up to `read_ahead_max` bytes ahead into input(), and stops `stop` when the peer hangs
  /// up (FIN or reset).
  class hang_up_watch {
   public:
    hang_up_watch(connection& watched, interruption& stop, std::size_t read_ahead_max);
    ~hang_up_watch() { watched_.watcher_ = nullptr; }
    hang_up_watch(hang_up_watch const&) = delete;
    hang_up_watch& operator=(hang_up_watch const&) = delete;

   private:
    connection& watched_;
  };

  /// Ends a pending fill(). @return false if none was pending.
  bool interrupt();

  /// Like close(), but what has arrived can still be read, up to the end of the stream.
  void close_after_input();

  /// Gives the socket up, at rest; call nothing else afterwards. @return none with TLS, whose state is only here.
  [[nodiscard]] unique_socket release() noexcept;

  /// Ends everything at once: a pending wait gets io_result::closed. The destructor closes the descriptor.
  void close();

  /// Destroys the waiting coroutine, if any. Call only when the loop no longer runs.
  void forget_waiting() noexcept { waiting_.reset(); }

  /// The time limit of a transfer that began at `since` and has moved `bytes` so far.
  [[nodiscard]] clock::time_point transfer_due(clock::time_point since, std::size_t bytes) const noexcept;

  /// The number of bytes sent but not acknowledged by the peer's system.
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
  void ignore_events() noexcept;
  [[nodiscard]] bool count(std::size_t bytes) noexcept;
  void count_kept(std::size_t bytes) noexcept;
  awaitable<io_result> wait_for(std::uint32_t events, clock::time_point due);
  void resume(io_result result);
  void read_ahead(std::uint32_t events);
  void give_up_unsent() noexcept;

  unique_socket socket_;
  std::unique_ptr<tls_side> tls_;  // null without TLS
  bool registered_ = false;
  std::uint32_t wanted_ = 0;  // the events currently requested from epoll
  owner& owner_;
  event_loop& loop_;
  std::chrono::nanoseconds const transfer_timeout_;
  byte_buffer input_;
  byte_buffer output_;
  std::size_t tail_sent_ = 0;  // sent bytes of the current flush's tail
  std::optional<byte_budget::share> counted_;

  // Resumes a coroutine that waits for the descriptor. (any_completion_handler of Boost 1.81 can't be moved.)
  using resumption = asio::async_result<asio::use_awaitable_t<executor_type>, void(io_result)>::handler_type;
  std::optional<resumption> waiting_;
  bool waits_to_read_ = false;
  bool at_rest_ = false;
  bool peer_ended_ = false;
  bool closed_ = false;

  interruption* watcher_ = nullptr;  // is stopped on a hang-up
  std::size_t read_ahead_max_ = 0;
};

}  // namespace holdfast::server
