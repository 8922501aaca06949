#include "server/net/connection.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <cerrno>
#include <new>
#include <utility>

#include "server/log/log.hpp"
#include "server/net/handshake_turns.hpp"
#include "tls/stream.hpp"

namespace holdfast::server {
namespace {

constexpr std::size_t linger_read_bytes = 16 * 1024;
constexpr std::chrono::milliseconds linger_step{250};
constexpr std::size_t bytes_kept_max = 16 * 1024;
/// Estimate for a coroutine that waits for the peer, with what it refers to, but without buffers.
constexpr std::size_t waiting_bytes = 4 * 1024;
constexpr std::size_t bytes_per_extra_second = 16 * 1024;

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

}  // namespace

/// State that only TLS connections need.
struct connection::tls_side final : handshake_turns::waiter {
  tls_side(connection& its_connection, tls::context its_context, handshake_turns* its_turns) noexcept
      : whole(its_connection), with(std::move(its_context)), turns(its_turns) {}

  void on_turn() override { whole.shake_hands(); }
  [[nodiscard]] bool is_established() const noexcept { return stream && stream->is_established(); }

  connection& whole;
  tls::context with;                  // moved into the stream when that is created
  handshake_turns* turns;             // null for a client
  std::optional<tls::stream> stream;  // created in the first handshake step: it is many times as large as a connection
  bool reads_when_writable = false;   // a read continues when the socket is writable
  bool writes_when_readable = false;
};

connection::connection(unique_socket socket, owner& its_owner, event_loop& loop,
                       std::chrono::nanoseconds transfer_timeout) noexcept
    : deadline(loop), socket_(std::move(socket)), owner_(its_owner), loop_(loop), transfer_timeout_(transfer_timeout) {}

connection::~connection() {
  if (tls_ && tls_->stream && !closed_) tls_->stream->end();
  if (registered_) loop_.remove(socket_.get(), *this);
}

bool connection::open() noexcept {
  wanted_ = EPOLLIN | EPOLLRDHUP;
  registered_ = loop_.add(socket_.get(), *this, wanted_);
  return registered_;
}

void connection::want(std::uint32_t events) noexcept {
  if (tls_ && tls_->reads_when_writable && (events & EPOLLIN) != 0) [[unlikely]]
    events = (events & ~EPOLLIN) | EPOLLOUT;
  if (events == wanted_) return;
  wanted_ = events;
  loop_.modify(socket_.get(), *this, events);
}

/// Until the next want(). The kernel reports a reset even if nothing is wanted, but edge-triggered only once.
void connection::ignore_events() noexcept {
  want(EPOLLET);
}

connection::clock::time_point connection::transfer_due(clock::time_point since, std::size_t bytes) const noexcept {
  return since + transfer_timeout_ + std::chrono::seconds(bytes / bytes_per_extra_second);
}

// --- events from the loop --------------------------------------------------------------------------------------------

void connection::on_ready(std::uint32_t events) {
  // Each of these calls may destroy the connection, so nothing may follow them.
  if (waiting_) {
    owner_.on_resume();
    return resume(io_result::done);
  }
  if (watcher_ != nullptr) return read_ahead(events);
  if (at_rest_) return is_shaking_hands() ? await_handshake_turn(events) : owner_.on_bytes();
  // A coroutine is between two waits, or the lock has just been granted to it. Unread bytes and the peer's end stay in
  // the socket.
  ignore_events();
}

void connection::on_deadline() {
  if (waiting_) return resume(io_result::timed_out);
  if (!at_rest_) return;
  give_up_unsent();
  if (is_shaking_hands()) return fail_handshake("it took too long");
  owner_.on_idle_timeout();
}

void connection::resume(io_result result) {
  assert(waiting_);
  disarm();
  auto handler = std::move(*waiting_);
  waiting_.reset();
  handler(result);
}

// --- TLS ------------------------------------------------------------------------------------------------------------

void connection::use_tls(tls::context with, handshake_turns& turns) {
  tls_ = std::make_unique<tls_side>(*this, std::move(with), &turns);
}

bool connection::is_tls_established() const noexcept {
  return tls_->is_established();
}

void connection::await_handshake_turn(std::uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) return fail_handshake("the peer reset the connection");
  want(0);  // until its handshake turn
  tls_->turns->queue(*tls_);
}

void connection::shake_hands() {
  auto& side = *tls_;
  if (!side.stream) {
    char first = 0;
    // A TLS handshake record begins with byte 22, an HTTP request with a letter.
    if (::recv(socket_.get(), &first, 1, MSG_PEEK) == 1 && first >= 'A' && first <= 'Z') {
      side.turns->figures.failures.fetch_add(1, std::memory_order_relaxed);
      auto const gone = std::move(tls_);
      want(EPOLLIN | EPOLLRDHUP);
      return owner_.on_plain_text();
    }
    try {
      side.stream.emplace(side.with, socket_.get(), tls::stream::side::server);
    } catch (std::bad_alloc const&) {
      return fail_handshake("out of memory");
    }
    side.with.reset();
  }
  switch (side.stream->handshake()) {
    case tls::outcome::done:
      side.turns->figures.handshakes.fetch_add(1, std::memory_order_relaxed);
      if (side.stream->is_resumed()) side.turns->figures.resumptions.fetch_add(1, std::memory_order_relaxed);
      want(EPOLLIN | EPOLLRDHUP);
      return owner_.on_handshake();
    case tls::outcome::wants_read:
      return want(EPOLLIN | EPOLLRDHUP);
    case tls::outcome::wants_write:
      return want(EPOLLOUT | EPOLLRDHUP);
    case tls::outcome::ended:
    case tls::outcome::failed:
      return fail_handshake(side.stream->failure());
  }
}

void connection::fail_handshake(std::string_view why) {
  tls_->turns->figures.failures.fetch_add(1, std::memory_order_relaxed);
  try {
    log_debug("tls handshake failed", {{"peer", peer()}, {"error", why}});
  } catch (std::bad_alloc const&) {
    // Only the log line is lost.
  }
  owner_.on_bytes();
}

bool connection::has_unread_in_tls() const noexcept {
  return tls_->stream && tls_->stream->has_unread();
}

std::optional<std::size_t> connection::read_tls(std::span<char> room) noexcept {
  auto const [how, bytes] = tls_->is_established() ? tls_->stream->read(room) : tls::moved{tls::outcome::ended, 0};
  auto const waits_to_write = how == tls::outcome::wants_write;
  // A coroutine at work sets the events itself before it waits.
  if (std::exchange(tls_->reads_when_writable, waits_to_write) != waits_to_write) want(EPOLLIN | EPOLLRDHUP);
  if (how == tls::outcome::done) return bytes;
  if (how == tls::outcome::wants_read || waits_to_write) return std::nullopt;
  peer_ended_ = true;
  return 0;
}

std::size_t connection::send_tls(std::string_view bytes) noexcept {
  return tls_->is_established() ? tls_->stream->write(bytes).bytes : 0;
}

std::optional<io_result> connection::try_flush_tls(std::string_view tail) {
  while (!output_.empty() || tail_sent_ < tail.size()) {
    if (closed_ || !tls_->is_established()) return io_result::closed;
    auto const back = tail.substr(tail_sent_);
    // Fill the header's record with the start of the tail, instead of sending a record for the header alone.
    if (!output_.empty() && output_.size() < tls::stream::record_bytes_max && !back.empty()) {
      auto const first = back.substr(0, tls::stream::record_bytes_max - output_.size());
      output_.append(first);
      tail_sent_ += first.size();
    }
    auto const of_output = !output_.empty();
    auto const [how, sent] = tls_->stream->write(of_output ? output_.view() : back);
    tls_->writes_when_readable = how == tls::outcome::wants_read;
    if (how == tls::outcome::wants_read || how == tls::outcome::wants_write) return std::nullopt;
    if (how != tls::outcome::done) return io_result::closed;
    if (of_output) {
      output_.consume(sent);
    } else {
      tail_sent_ += sent;
    }
  }
  tail_sent_ = 0;
  if (output_.capacity() > bytes_kept_max) output_.release();
  return io_result::done;
}

// --- at rest -------------------------------------------------------------------------------------------------------

void connection::rest(clock::time_point due) {
  at_rest_ = true;
  input_.release();
  if (output_.empty()) output_.release();
  count_kept(output_.capacity());
  want(EPOLLIN | EPOLLRDHUP);
  arm(due);
}

std::optional<std::size_t> connection::read_some(std::span<char> room) noexcept {
  if (tls_) [[unlikely]]
    return read_tls(room);
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
  if (tls_) [[unlikely]]
    return send_tls(bytes);
  auto const sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

// --- at work -------------------------------------------------------------------------------------------------------

bool connection::count(std::size_t bytes) noexcept {
  if (!counted_) return true;
  counted_->lower_to(bytes);
  return counted_->grow_to(bytes);
}

void connection::count_kept(std::size_t bytes) noexcept {
  if (!counted_) return;
  counted_->lower_to(bytes);
  counted_->raise_to(bytes);
}

bool connection::count_buffers(std::size_t free_bytes) noexcept {
  auto const bytes = input_.capacity() + output_.capacity();
  return count(bytes - std::min(bytes, free_bytes));
}

void connection::count_kept_buffers() noexcept {
  count_kept(input_.capacity() + output_.capacity());
}

awaitable<io_result> connection::wait_for(std::uint32_t events, clock::time_point due) {
  if (closed_) co_return io_result::closed;
  if (!count(input_.capacity() + output_.capacity() + waiting_bytes)) co_return io_result::no_memory;
  want(events);
  arm(due);
  auto initiate = [this](resumption handler) { waiting_.emplace(std::move(handler)); };
  auto token = asio::use_awaitable_t<executor_type>{};
  co_return co_await asio::async_initiate<asio::use_awaitable_t<executor_type>, void(io_result)>(initiate, token);
}

awaitable<io_result> connection::finish_connect(clock::time_point due) {
  auto const waited = co_await wait_for(EPOLLOUT, due);
  if (waited != io_result::done) co_return waited;
  int error = 0;
  socklen_t size = sizeof error;
  auto const asked = ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0;
  co_return asked&& error == 0 ? io_result::done : io_result::closed;
}

awaitable<io_result> connection::connect_tls(tls::context const& with, std::string const& host, clock::time_point due) {
  tls_ = std::make_unique<tls_side>(*this, tls::context(), nullptr);
  auto& stream = tls_->stream.emplace(with, socket_.get(), tls::stream::side::client);
  stream.expect(host);
  for (;;) {
    auto const how = stream.handshake();
    if (how == tls::outcome::done) co_return io_result::done;
    if (how != tls::outcome::wants_read && how != tls::outcome::wants_write) co_return io_result::closed;
    auto const events = how == tls::outcome::wants_read ? EPOLLIN | EPOLLRDHUP : EPOLLOUT;
    auto const waited = co_await wait_for(events, due);
    if (waited != io_result::done) co_return waited;
  }
}

std::string connection::tls_failure(tls::trust_flags const& flags) const {
  return tls_ && tls_->stream ? tls_->stream->failure(flags) : std::string();
}

awaitable<io_result> connection::fill(clock::time_point due, std::size_t bytes_wanted) {
  if (input_.empty() && input_.capacity() > bytes_kept_max) input_.release();
  for (;;) {
    if (peer_ended_) co_return io_result::closed;
    if (has_unread()) {
      co_await asio::post(loop_.get_executor(), asio::use_awaitable_t<executor_type>{});
      if (closed_) co_return io_result::closed;
    } else {
      waits_to_read_ = true;
      auto const result = co_await wait_for(EPOLLIN | EPOLLRDHUP, due);
      waits_to_read_ = false;
      if (result != io_result::done) co_return result;
    }
    if (auto const got = read_some(input_.prepare(bytes_wanted))) {
      input_.commit(*got);
      co_return *got != 0 ? io_result::done : io_result::closed;
    }
  }
}

std::optional<io_result> connection::try_flush(std::string_view tail) {
  if (tls_) return try_flush_tls(tail);
  while (!output_.empty() || tail_sent_ < tail.size()) {
    if (closed_) return io_result::closed;
    auto const front = output_.view(), back = tail.substr(tail_sent_);
    std::array pieces{iovec{const_cast<char*>(front.data()), front.size()},
                      iovec{const_cast<char*>(back.data()), back.size()}};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    auto const result = back.empty() ? ::send(socket_.get(), front.data(), front.size(), MSG_NOSIGNAL)
                                     : ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (result >= 0) {
      auto const sent = static_cast<std::size_t>(result), of_front = std::min(sent, front.size());
      output_.consume(of_front);
      tail_sent_ += sent - of_front;
    } else if (would_block()) {
      return std::nullopt;
    } else if (errno != EINTR) {
      return io_result::closed;
    }
  }
  tail_sent_ = 0;
  if (output_.capacity() > bytes_kept_max) output_.release();
  return io_result::done;
}

awaitable<io_result> connection::flush(std::string_view tail) {
  auto const since = clock::now();
  auto const left = [&] { return output_.size() + tail.size() - tail_sent_ + bytes_not_taken(); };
  auto const left_at_first = left();
  for (;;) {
    if (auto const result = try_flush(tail)) {
      count_kept_buffers();  // fewer than while it waited
      co_return *result;
    }
    // Progress is what the peer has acknowledged. The kernel accepts more than that, and a peer that reads nothing must
    // not keep the memory allocated.
    auto const due = transfer_due(since, left_at_first - std::min(left(), left_at_first));
    auto const result = co_await wait_for(tls_ && tls_->writes_when_readable ? EPOLLIN : EPOLLOUT, due);
    if (result == io_result::done) continue;
    if (result == io_result::timed_out) {
      if (transfer_due(since, left_at_first - std::min(left(), left_at_first)) > due) continue;
      give_up_unsent();
    }
    // An orderly end could look like that of the answer, and the kernel would keep the rest.
    if (result == io_result::no_memory) give_up_unsent();
    co_return result;
  }
}

std::size_t connection::bytes_not_taken() const noexcept {
  int bytes = 0;
  return ::ioctl(socket_.get(), SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

/// Makes close() reset the connection if the peer has not acknowledged everything in time. Otherwise the kernel would
/// keep the data and retry for minutes.
void connection::give_up_unsent() noexcept {
  if (bytes_not_taken() == 0) return;
  ::linger const at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

awaitable<void> connection::linger(std::chrono::milliseconds time) {
  if (tls_ && tls_->stream) tls_->stream->end();
  ::shutdown(socket_.get(), SHUT_WR);
  auto const since = clock::now();
  auto const left_at_first = bytes_not_taken();
  auto due = since + time;
  for (;;) {
    input_.consume(input_.size());
    input_.release();
    // Little enough to exceed the budget: without it, the peer would not learn why it was refused.
    count_kept(output_.capacity() + waiting_bytes);
    auto const result = co_await fill(due, linger_read_bytes);
    if (result == io_result::done) continue;
    if (result != io_result::timed_out) co_return;
    auto const left = bytes_not_taken();
    if (left == 0) co_return;
    auto const now = clock::now();
    if (now >= transfer_due(since, left_at_first - std::min(left, left_at_first))) break;
    due = now + linger_step;
  }
  give_up_unsent();
}

connection::hang_up_watch::hang_up_watch(connection& watched, interruption& stop, std::size_t read_ahead_max)
    : watched_(watched) {
  watched_.watcher_ = &stop;
  watched_.read_ahead_max_ = read_ahead_max;
  // While the buffer is full, unread bytes must not wake the loop again and again; the end of the stream still does.
  watched_.want(watched_.input_.size() < read_ahead_max ? EPOLLIN | EPOLLRDHUP : EPOLLRDHUP);
  if (watched_.has_unread()) watched_.read_ahead(0);
}

void connection::read_ahead(std::uint32_t events) {
  auto room = read_ahead_max_ - std::min(read_ahead_max_, input_.size());
  std::span<char> space;
  try {
    if (room != 0) space = input_.prepare(room).first(room);
  } catch (std::bad_alloc const&) {
    // Treat it like a full buffer: unread bytes stay in the socket.
    room = 0;
    want(EPOLLRDHUP);
  }
  if (room != 0) {
    auto const got = read_some(space);
    if (!got) return;
    input_.commit(*got);
    if (*got != 0) {
      if (*got == room) want(EPOLLRDHUP);
      return;
    }
  } else if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) {
    return;  // an earlier event, from before the buffer was full
  }
  peer_ended_ = true;
  ignore_events();
  std::exchange(watcher_, nullptr)->stop(stop_reason::hang_up);
}

bool connection::interrupt() {
  if (!waiting_ || !waits_to_read_) return false;
  resume(io_result::interrupted);
  return true;
}

unique_socket connection::release() noexcept {
  if (tls_) return unique_socket();
  if (std::exchange(registered_, false)) loop_.remove(socket_.get(), *this);
  disarm();
  closed_ = true;
  return std::move(socket_);
}

void connection::close_after_input() {
  if (waiting_ && !waits_to_read_) return close();
  ::shutdown(socket_.get(), SHUT_RDWR);
}

void connection::close() {
  closed_ = true;
  ::shutdown(socket_.get(), SHUT_RDWR);
  if (waiting_) resume(io_result::closed);
}

}  // namespace holdfast::server
