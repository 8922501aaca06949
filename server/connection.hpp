#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/asio.hpp"
#include "server/deadline_wheel.hpp"
#include "server/input_buffer.hpp"
#include "server/interruption.hpp"

namespace holdfast::server {

/// What became of a read or a write.
enum class io_result {
  done,
  closed,       ///< the peer has ended the stream, or the connection broke
  timed_out,    ///< the deadline passed
  interrupted,  ///< interrupt_idle() or close() was called
};

/// One client's byte stream with its buffers and its deadline. Knows nothing of HTTP or of the lock. One thread.
/// Owned by shared pointers, since a watch that has been called off still completes once.
class connection final : public deadline, public std::enable_shared_from_this<connection> {
 public:
  using clock = std::chrono::steady_clock;

  /// @param transfer_timeout how long moving bytes may take; a second more for each 16 KiB that have moved.
  /// `deadlines` must outlive it.
  connection(tcp_socket socket, deadline_wheel& deadlines, std::chrono::nanoseconds transfer_timeout);

  [[nodiscard]] input_buffer& input() noexcept { return input_; }

  /// What flush() will send.
  [[nodiscard]] std::string& output() noexcept { return output_; }

  /// `203.0.113.7:5123`, for the log.
  [[nodiscard]] std::string const& peer() const noexcept { return peer_; }

  /// Reads something behind what `input()` holds, at most until `due`; room for at least `bytes_wanted`.
  /// @param idle whether interrupt_idle() may end it.
  awaitable<io_result> fill(clock::time_point due, std::size_t bytes_wanted, bool idle);

  /// Sends output() and then `tail`, and empties output(). Never suspends.
  /// @return nothing where the peer doesn't take all at once: then flush() must finish the job, with the same tail.
  std::optional<io_result> try_flush(std::string_view tail = {});

  /// Sends what try_flush() has left.
  awaitable<io_result> flush(std::string_view tail = {});

  /// Half-closes and reads on for a short while, so that an answer arrives which was sent while the peer still wrote:
  /// closing with unread input would reset the connection and could destroy the answer (RFC 9112 §9.6).
  awaitable<void> linger();

  /// From now on reads ahead, up to `read_ahead_max` bytes in input(), and stops `stop` as soon as the peer hangs up:
  /// a FIN or a reset. With the buffer full only a reset is seen.
  void watch_for_hang_up(interruption& stop, std::size_t read_ahead_max);
  void end_watch();

  /// Ends a fill() that waits for the peer's next request.
  void interrupt_idle();

  /// Ends everything at once.
  void close();

  /// The time by which a transfer that began at `since` must have moved more than `bytes`.
  [[nodiscard]] clock::time_point transfer_due(clock::time_point since, std::size_t bytes) const noexcept;

 private:
  void on_deadline() override;
  void arm_watch();
  void on_watched(error_code error, unsigned watch);
  [[nodiscard]] io_result judge(error_code error) const noexcept;

  tcp_socket socket_;
  deadline_wheel& deadlines_;
  std::chrono::nanoseconds const transfer_timeout_;
  std::string peer_;
  input_buffer input_;
  std::string output_;
  std::size_t sent_ = 0;  // of output_ and the tail

  interruption* watcher_ = nullptr;  // whom to tell of a hang-up
  std::size_t read_ahead_max_ = 0;
  unsigned watch_ = 0;  // counts watches, so that a late completion of an old one is known
  asio::cancellation_signal watch_signal_;

  bool peer_ended_ = false;
  bool timed_out_ = false;
  bool idle_ = false;
  bool interrupted_ = false;
};

}  // namespace holdfast::server
