#include "server/connection.hpp"

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>

namespace holdfast::server {
namespace {

constexpr std::chrono::seconds linger_time{2};
constexpr std::size_t output_kept_max = 64 * 1024;
constexpr std::size_t input_kept_max = 16 * 1024;
constexpr std::size_t bytes_per_extra_second = 16 * 1024;

bool would_block(error_code error) {
  return error == asio::error::would_block || error == asio::error::try_again;
}

std::string name_of(tcp_socket const& socket) {
  error_code error;
  auto const peer = socket.remote_endpoint(error);
  if (error) return "unknown";
  auto const address = peer.address().to_string();
  return (peer.address().is_v6() ? '[' + address + ']' : address) + ':' + std::to_string(peer.port());
}

}  // namespace

connection::connection(tcp_socket socket, deadline_wheel& deadlines, std::chrono::nanoseconds transfer_timeout)
    : socket_(std::move(socket)), deadlines_(deadlines), transfer_timeout_(transfer_timeout), peer_(name_of(socket_)) {
  // A peer that has left already makes these fail; the first read will tell.
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
}

connection::clock::time_point connection::transfer_due(clock::time_point since, std::size_t bytes) const noexcept {
  return since + transfer_timeout_ + std::chrono::seconds(bytes / bytes_per_extra_second);
}

io_result connection::judge(error_code error) const noexcept {
  if (!error) return io_result::done;
  if (timed_out_) return io_result::timed_out;
  if (interrupted_) return io_result::interrupted;
  return io_result::closed;
}

awaitable<io_result> connection::fill(clock::time_point due, std::size_t bytes_wanted, bool idle) {
  if (interrupted_) co_return io_result::interrupted;
  if (peer_ended_) co_return io_result::closed;
  if (input_.empty() && input_.capacity() > input_kept_max) input_.release();
  auto const room = input_.prepare(bytes_wanted);
  idle_ = idle;
  deadlines_.arm(*this, due);
  auto [error, bytes] = co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), as_values);
  deadline_wheel::disarm(*this);
  idle_ = false;
  input_.commit(bytes);
  auto const result = judge(error);
  timed_out_ = false;
  if (result == io_result::closed) peer_ended_ = true;
  co_return result;
}

std::optional<io_result> connection::try_flush(std::string_view tail) {
  auto const total = output_.size() + tail.size();
  while (sent_ < total) {
    auto const in_output = std::min(sent_, output_.size());
    std::array<asio::const_buffer, 2> const pieces{asio::buffer(output_) + in_output,
                            asio::buffer(tail.data(), tail.size()) + (sent_ - in_output)};
    error_code error;
    sent_ += tail.empty() ? socket_.write_some(pieces[0], error) : socket_.write_some(pieces, error);
    if (would_block(error)) return std::nullopt;
    if (error) return io_result::closed;
  }
  sent_ = 0;
  output_.clear();
  if (output_.capacity() > output_kept_max) output_.shrink_to_fit();
  return io_result::done;
}

awaitable<io_result> connection::flush(std::string_view tail) {
  auto const since = clock::now();
  auto const sent_before = sent_;
  for (;;) {
    if (auto const result = try_flush(tail)) co_return *result;
    deadlines_.arm(*this, transfer_due(since, sent_ - sent_before));
    auto [error] = co_await socket_.async_wait(asio::socket_base::wait_write, as_values);
    deadline_wheel::disarm(*this);
    if (error) co_return judge(error);
  }
}

awaitable<void> connection::linger() {
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  auto const due = clock::now() + linger_time;
  input_.consume(input_.size());
  for (auto result = io_result::done; result == io_result::done;) {
    result = co_await fill(due, 4096, true);
    input_.consume(input_.size());
  }
}

void connection::watch_for_hang_up(interruption& stop, std::size_t read_ahead_max) {
  watcher_ = &stop;
  read_ahead_max_ = read_ahead_max;
  arm_watch();
}

void connection::arm_watch() {
  auto const room = input_.size() < read_ahead_max_;
  socket_.async_wait(
      room ? asio::socket_base::wait_read : asio::socket_base::wait_error,
      asio::bind_cancellation_slot(watch_signal_.slot(), [self = shared_from_this(), watch = watch_](error_code error) {
        self->on_watched(error, watch);
      }));
}

void connection::on_watched(error_code error, unsigned watch) {
  if (watch != watch_ || watcher_ == nullptr || error == asio::error::operation_aborted) return;
  auto const room_wanted = read_ahead_max_ - std::min(read_ahead_max_, input_.size());
  if (!error && room_wanted != 0) {
    auto const room = input_.prepare(room_wanted);
    input_.commit(socket_.read_some(asio::buffer(room.data(), room_wanted), error));
    if (!error || would_block(error)) return arm_watch();
  }
  peer_ended_ = true;
  watcher_->stop(stop_reason::hang_up);
}

void connection::end_watch() {
  ++watch_;
  watcher_ = nullptr;
  watch_signal_.emit(asio::cancellation_type::total);
}

void connection::interrupt_idle() {
  if (!idle_) return;
  interrupted_ = true;
  socket_.cancel();
}

void connection::close() {
  interrupted_ = true;
  error_code ignored;
  socket_.close(ignored);
}

void connection::on_deadline() {
  timed_out_ = true;
  error_code ignored;
  socket_.cancel(ignored);
}

}  // namespace holdfast::server
