#include "server/connection.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <cerrno>

namespace holdfast::server {
namespace {

constexpr std::size_t linger_read_bytes = 16 * 1024;
constexpr std::size_t bytes_kept_max = 16 * 1024;
constexpr std::size_t bytes_per_extra_second = 16 * 1024;

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

}  // namespace

unique_socket::~unique_socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

connection::connection(unique_socket socket, owner& its_owner, poll_set& polls, deadline_wheel& deadlines,
                       std::chrono::nanoseconds transfer_timeout) noexcept
    : socket_(std::move(socket)),
      owner_(its_owner),
      polls_(polls),
      deadlines_(deadlines),
      transfer_timeout_(transfer_timeout) {}

connection::~connection() {
  if (registered_) polls_.remove(socket_.get(), *this);
}

bool connection::open() noexcept {
  wanted_ = EPOLLIN | EPOLLRDHUP;
  registered_ = polls_.add(socket_.get(), *this, wanted_);
  return registered_;
}

void connection::want(std::uint32_t events) noexcept {
  if (events == wanted_) return;
  wanted_ = events;
  polls_.modify(socket_.get(), *this, events);
}

connection::clock::time_point connection::transfer_due(clock::time_point since, std::size_t bytes) const noexcept {
  return since + transfer_timeout_ + std::chrono::seconds(bytes / bytes_per_extra_second);
}

// --- what comes from the poll set and the wheel --------------------------------------------------------------------

void connection::on_ready(std::uint32_t events) {
  // Each of these may destroy the connection, so nothing follows them.
  if (waiting_) {
    owner_.on_resume();
    return resume(io_result::done);
  }
  if (watcher_ != nullptr) return read_ahead();
  if (at_rest_) return owner_.on_bytes();
  // A coroutine is between two waits, which takes no time, or the lock's grant is on its way. What is ready stays so.
  want(events & (EPOLLHUP | EPOLLERR) ? 0U : EPOLLRDHUP);
}

void connection::on_deadline() {
  if (waiting_) return resume(io_result::timed_out);
  if (at_rest_) owner_.on_idle_timeout();
}

void connection::resume(io_result result) {
  assert(waiting_);
  disarm_deadline();
  auto handler = std::move(*waiting_);
  waiting_.reset();
  handler(result);
}

// --- at rest -------------------------------------------------------------------------------------------------------

void connection::rest(clock::time_point due) {
  at_rest_ = true;
  want(EPOLLIN | EPOLLRDHUP);
  deadlines_.arm(*this, due);
}

std::optional<std::size_t> connection::read_some(std::span<char> room) noexcept {
  for (;;) {
    auto const got = ::recv(socket_.get(), room.data(), room.size(), 0);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && would_block()) return std::nullopt;
    peer_ended_ = true;
    return 0;
  }
}

std::size_t connection::send_some(std::string_view bytes) noexcept {
  auto const sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

// --- at work -------------------------------------------------------------------------------------------------------

awaitable<io_result> connection::wait_for(std::uint32_t events, clock::time_point due) {
  if (closed_) co_return io_result::closed;
  want(events);
  deadlines_.arm(*this, due);
  auto initiate = [this](resumption handler) { waiting_.emplace(std::move(handler)); };
  auto token = asio::use_awaitable_t<executor_type>{};
  co_return co_await asio::async_initiate<asio::use_awaitable_t<executor_type>, void(io_result)>(initiate, token);
}

awaitable<io_result> connection::fill(clock::time_point due, std::size_t bytes_wanted) {
  if (peer_ended_ || closed_) co_return io_result::closed;
  if (input_.empty() && input_.capacity() > bytes_kept_max) input_.release();
  for (;;) {
    if (auto const got = read_some(input_.prepare(bytes_wanted))) {
      input_.commit(*got);
      co_return *got != 0 ? io_result::done : io_result::closed;
    }
    waits_to_read_ = true;
    auto const result = co_await wait_for(EPOLLIN | EPOLLRDHUP, due);
    waits_to_read_ = false;
    if (result != io_result::done) co_return result;
  }
}

std::optional<io_result> connection::try_flush(std::string_view tail) {
  auto const total = output_.size() + tail.size();
  while (sent_ < total) {
    if (closed_) return io_result::closed;
    auto const in_output = std::min(sent_, output_.size()), in_tail = sent_ - in_output;
    std::array pieces{iovec{output_.data() + in_output, output_.size() - in_output},
                      iovec{const_cast<char*>(tail.data()) + in_tail, tail.size() - in_tail}};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    auto const sent = tail.empty() ? ::send(socket_.get(), pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                                   : ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      sent_ += static_cast<std::size_t>(sent);
    } else if (would_block()) {
      return std::nullopt;
    } else if (errno != EINTR) {
      return io_result::closed;
    }
  }
  sent_ = 0;
  output_.clear();
  if (output_.capacity() > bytes_kept_max) output_.shrink_to_fit();
  return io_result::done;
}

awaitable<io_result> connection::flush(std::string_view tail) {
  auto const since = clock::now();
  auto const sent_before = sent_;
  for (;;) {
    if (auto const result = try_flush(tail)) co_return *result;
    auto const result = co_await wait_for(EPOLLOUT, transfer_due(since, sent_ - sent_before));
    if (result != io_result::done) co_return result;
  }
}

awaitable<void> connection::linger(std::chrono::milliseconds time) {
  ::shutdown(socket_.get(), SHUT_WR);
  auto const due = clock::now() + time;
  for (auto result = io_result::done; result == io_result::done;) {
    input_.consume(input_.size());
    result = co_await fill(due, linger_read_bytes);
  }
}

connection::hang_up_watch::hang_up_watch(connection& watched, interruption& stop, std::size_t read_ahead_max)
    : watched_(watched) {
  watched_.watcher_ = &stop;
  watched_.read_ahead_max_ = read_ahead_max;
  // With the buffer full, what is unread must not wake us again and again. The peer's end still does.
  watched_.want(watched_.input_.size() < read_ahead_max ? EPOLLIN | EPOLLRDHUP : EPOLLRDHUP);
}

void connection::read_ahead() {
  auto const room = read_ahead_max_ - std::min(read_ahead_max_, input_.size());
  if (room != 0) {
    auto const got = read_some(input_.prepare(room).first(room));
    if (!got) return;
    input_.commit(*got);
    if (*got != 0) {
      if (*got == room) want(EPOLLRDHUP);
      return;
    }
  }
  peer_ended_ = true;
  want(0);
  std::exchange(watcher_, nullptr)->stop(stop_reason::hang_up);
}

bool connection::interrupt() {
  if (!waiting_ || !waits_to_read_) return false;
  resume(io_result::interrupted);
  return true;
}

void connection::close() {
  closed_ = true;
  ::shutdown(socket_.get(), SHUT_RDWR);
  if (waiting_) resume(io_result::closed);
}

}  // namespace holdfast::server
