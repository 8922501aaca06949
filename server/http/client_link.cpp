#include "server/http/client_link.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <utility>

#include "server/http/chunked_body.hpp"
#include "server/loop/timer.hpp"

namespace holdfast::server {
namespace {

constexpr std::size_t copied_bytes_max = 4 * 1024;

/// Ends a timer's wait when the gate opens.
class canceller final : public answer_gate::waiter {
 public:
  explicit canceller(timer& until) noexcept : until_(until) {}

 private:
  void on_open() override { until_.cancel(); }

  timer& until_;
};

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

awaitable<client_link::progress_wait> client_link::until_progress(std::uint64_t number,
                                                                  std::chrono::nanoseconds at_most) {
  if (gate_.is_open_for(number)) co_return progress_wait::made;
  timer until(co_await asio::this_coro::executor, at_most);
  canceller at_gate(until);
  waiting here(*this);
  auto& stop = here.stop();
  if (stop.why() == stop_reason::hang_up) co_return progress_wait::gone;
  // As with a hold, only the end of the drain time ends it: the commits take no longer than their answers would.
  interruption::phase_scope const phase(stop, lock_phase::holding);
  auto token = asio::bind_cancellation_slot(phase.slot(), as_values);
  gate_.withhold(at_gate, number);
  co_await until.async_wait(token);
  if (stop.why() == stop_reason::hang_up) co_return progress_wait::gone;
  if (gate_.is_open_for(number)) co_return progress_wait::made;
  co_return until.expiry() <= until.now() ? progress_wait::late : progress_wait::drained;
}

awaitable<client_link::body_piece> client_link::read_body(std::string& to) {
  constexpr std::size_t bytes_wanted = 16 * 1024;
  for (auto const before = to.size();;) {
    auto& input = connection_.input();
    auto const used = body_->parse_body(input.view(), to);
    if (!used) {
      body_failure_ = used.error();
      co_return body_piece::failed;
    }
    input.consume(*used);
    body_bytes_ += *used;
    if (body_->done()) co_return body_piece::end;
    if (to.size() != before) co_return body_piece::more;
    if (std::exchange(continue_expected_, false)) {
      connection_.output().append("HTTP/1.1 100 Continue\r\n\r\n");
      auto sent = connection_.try_flush();
      if (!sent) sent = co_await connection_.flush();
      if (*sent != io_result::done) co_return body_piece::gone;
    }
    // The time between two pieces is not the client's fault.
    auto const since = connection::clock::now();
    auto const due = connection_.transfer_due(since, body_bytes_) - body_time_;
    auto const received = co_await connection_.fill(due, bytes_wanted);
    body_time_ += connection::clock::now() - since;
    if (received == io_result::timed_out) {
      body_failure_ = {protocol::errc::request_timeout, "the body did not arrive in time"};
      co_return body_piece::failed;
    }
    if (received == io_result::interrupted) co_return body_piece::paused;
    if (received != io_result::done) co_return body_piece::gone;
  }
}

void client_link::begin(reply const& head, bool ends_connection) {
  if (ends_connection || is_draining() || !framing_.http11) framing_.close = true;
  auto& output = connection_.output();
  auto* const room = output.prepare(head_bytes_max(head)).data();
  output.commit(static_cast<std::size_t>(write_head(room, head, framing_) - room));
}

void client_link::begin_as_is(std::string_view head, bool length_is_known) {
  // The rest of a body that the answer did not wait for would be parsed as the next request.
  auto const is_early = body_ != nullptr && !body_->done();
  if (is_draining() || is_early || (!length_is_known && !framing_.http11)) framing_.close = true;
  auto& output = connection_.output();
  output.append(head);
  if (!length_is_known && framing_.http11) output.append("Transfer-Encoding: chunked\r\n");
  if (framing_.close) {
    output.append("Connection: close\r\n");
  } else if (!framing_.http11) {
    output.append("Connection: keep-alive\r\n");
  }
  output.append("\r\n");
}

void client_link::add_as_is(std::string_view content) {
  sent_bytes_ += content.size();
  connection_.output().append(content);
}

awaitable<bool> client_link::send_as_is(std::string_view piece) {
  sent_bytes_ += piece.size();
  // One piece of memory costs the kernel less than two.
  if (piece.size() <= copied_bytes_max) connection_.output().append(std::exchange(piece, {}));
  auto sent = connection_.try_flush(piece);
  if (!sent) sent = co_await connection_.flush(piece);
  co_return *sent == io_result::done;
}

awaitable<bool> client_link::send_head() {
  auto sent = connection_.try_flush();
  if (!sent) sent = co_await connection_.flush();
  co_return *sent == io_result::done;
}

awaitable<bool> client_link::send(std::string_view piece) {
  if (piece.empty() || framing_.head_only) co_return true;
  sent_bytes_ += piece.size();
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
