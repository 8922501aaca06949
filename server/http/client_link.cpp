#include "server/http/client_link.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <charconv>

#include "server/loop/timer.hpp"

namespace holdfast::server {
namespace {

/// Appends a chunk (RFC 9112 §7.1); an empty one is the last.
void append_chunk(byte_buffer& output, std::string_view text) {
  char digits[16];
  auto const* const end = std::to_chars(digits, digits + sizeof digits, text.size(), 16).ptr;
  output.append({digits, end});
  output.append("\r\n");
  output.append(text);
  output.append("\r\n");
}

}  // namespace

client_link::waiting::waiting(client_link& client)
    : client_(client), watch_(client.connection_, client.interruption_.emplace(), client.read_ahead_bytes_max_) {
  if (client.is_draining()) stop().stop(stop_reason::drain);
}

awaitable<bool> client_link::pause(std::chrono::nanoseconds time) {
  timer until(co_await asio::this_coro::executor, time);
  co_return co_await pause(until);
}

awaitable<bool> client_link::pause(timer& until) {
  waiting here(*this);
  auto& stop = here.stop();
  if (stop.why() == stop_reason::hang_up) co_return false;
  interruption::phase_scope const phase(stop, lock_phase::waiting);
  auto token = asio::bind_cancellation_slot(phase.slot(), as_values);
  co_await until.async_wait(token);
  co_return stop.why() != stop_reason::hang_up;
}

void client_link::begin(reply const& head, bool ends_connection) {
  if (ends_connection || is_draining() || !framing_.http11) framing_.close = true;
  auto& output = connection_.output();
  auto* const room = output.prepare(head_bytes_max(head)).data();
  output.commit(static_cast<std::size_t>(write_head(room, head, framing_) - room));
}

awaitable<bool> client_link::send(std::string_view piece) {
  if (piece.empty() || framing_.head_only) co_return true;
  if (framing_.http11) {
    append_chunk(connection_.output(), piece);
  } else {
    connection_.output().append(piece);
  }
  auto sent = connection_.try_flush();
  if (!sent) sent = co_await connection_.flush();
  co_return *sent == io_result::done;
}

awaitable<bool> client_link::end() {
  if (framing_.http11 && !framing_.head_only) append_chunk(connection_.output(), {});
  auto sent = connection_.try_flush();
  if (!sent) sent = co_await connection_.flush();
  co_return *sent == io_result::done;
}

void client_link::drain() {
  if (interruption_ && interruption_->phase() == lock_phase::waiting) interruption_->stop(stop_reason::drain);
}

bool client_link::hurry() {
  if (!interruption_ || interruption_->phase() == lock_phase::none) return false;
  interruption_->stop(stop_reason::drain);
  return true;
}

}  // namespace holdfast::server
