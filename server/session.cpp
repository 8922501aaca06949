#include "server/session.hpp"

#include <boost/asio/this_coro.hpp>

#include "protocol/json.hpp"
#include "server/log.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

// Answers up to this size are copied and gathered; a larger value is written from where it lies.
constexpr std::size_t copied_bytes_max = 16 * 1024;
// Pipelined answers are gathered up to this size before they are sent.
constexpr std::size_t gathered_bytes_max = 64 * 1024;
constexpr std::size_t header_read_bytes = 2 * 1024;
constexpr std::size_t body_read_bytes = 64 * 1024;

}  // namespace

session::session(std::shared_ptr<connection> connection, session_context const& context)
    : connection_(std::move(connection)), context_(context), parser_(context.settings.sessions.body_bytes_max) {}

awaitable<void> session::run() {
  auto const how = co_await serve();
  if (how == ending::after_lingering) co_await connection_->linger();
  connection_->close();
  log_debug("session ended", {{"peer", connection_->peer()}, {"requests", requests_}});
}

void session::drain() {
  if (phase_ == lock_phase::waiting) interruption_.stop(stop_reason::drain);
  connection_->interrupt_idle();
}

void session::hurry() {
  if (phase_ == lock_phase::none) return connection_->close();
  interruption_.stop(stop_reason::drain);
}

awaitable<session::ending> session::serve() {
  auto& input = connection_->input();
  for (;;) {
    // An empty line before a request is passed over (RFC 9112 §2.2).
    while (input.view().starts_with("\r\n")) input.consume(2);

    auto const head_bytes = scanner_.scan(input.view(), context_.settings.sessions.header_bytes_max);
    progress end;
    if (!head_bytes) {
      end = co_await refuse(head_bytes.error());
    } else if (*head_bytes == 0) {
      end = co_await receive_more();
    } else {
      end = co_await serve_request(*head_bytes);
    }
    if (end) co_return *end;
  }
}

/// Sends what has been answered so far, then waits for more of a header, or for the next one to begin.
awaitable<session::progress> session::receive_more() {
  auto sent = connection_->try_flush();
  if (!sent) sent = co_await connection_->flush();
  if (*sent != io_result::done) co_return ending::quietly;

  auto const idle = connection_->input().empty();
  if (idle && context_.draining) co_return ending::quietly;
  auto const now = connection::clock::now();
  auto const& limits = context_.settings.sessions;
  if (!idle && !header_due_) header_due_ = now + limits.header_timeout;
  auto const due = idle ? now + limits.idle_timeout : *header_due_;

  auto const received = co_await connection_->fill(due, header_read_bytes, idle);
  if (received == io_result::done) co_return std::nullopt;
  if (received == io_result::timed_out && !idle) {
    failure late{errc::request_timeout, "the header did not arrive in time; send it in one piece"};
    co_return co_await refuse(std::move(late));
  }
  co_return ending::quietly;
}

awaitable<session::progress> session::serve_request(std::size_t head_bytes) {
  scanner_.reset();
  header_due_.reset();
  ++requests_;
  auto const head = parser_.parse_head(connection_->input().view().substr(0, head_bytes));
  if (!head) co_return co_await refuse(head.error());
  auto const draining = context_.draining.load(std::memory_order_relaxed);
  framing_ = {.head_only = (*head)->method == method::head,
              .close = !(*head)->keep_alive,
              .http11 = (*head)->http11};
  continue_expected_ = (*head)->expects_continue && (*head)->http11;
  auto routed = route(**head, context_.settings.routes, draining);
  connection_->input().consume(head_bytes);

  if (auto* const request = std::get_if<kv_request>(&routed)) co_return co_await serve_value(std::move(*request));
  // A body that nobody reads would be taken for the next request.
  if (!parser_.done()) framing_.close = true;
  co_return co_await finish_request(std::move(std::get<reply>(routed)));
}

awaitable<session::progress> session::serve_value(kv_request request) {
  if (auto* const put = std::get_if<put_operation>(&request.operation)) {
    body_.clear();
    auto const end = co_await receive_body();
    if (end) co_return end;
    auto const valid = check_json(body_);
    if (!valid) co_return co_await finish_request(reply_to(valid.error()));
    put->value = std::make_shared<std::string const>(std::move(body_));
  }

  std::optional<execution> done;
  if (request.terms.hold.count() == 0) done = context_.store.try_execute(request.operation);
  if (!done) done = co_await execute(request);
  if (!done) co_return ending::quietly;

  auto answer = done->outcome ? reply_to(request.operation, *done->outcome, context_.start, request.if_none_match)
                              : reply_to(done->outcome.error());
  answer.timing = done->timing;
  co_return co_await finish_request(std::move(answer));
}

/// Parses what has arrived of the body. @return whether it is whole.
result<bool> session::take_body() {
  auto& input = connection_->input();
  while (!parser_.done() && !input.empty()) {
    auto const used = parser_.parse_body(input.view(), body_);
    if (!used) return used.error();
    if (*used == 0) break;
    input.consume(*used);
  }
  // What is left over is the beginning of a chunk's header or of a trailer.
  if (!parser_.done() && input.size() > context_.settings.sessions.header_bytes_max)
    return failure{errc::bad_request, "a chunk's header or the trailer is too long"};
  return parser_.done();
}

awaitable<session::progress> session::receive_body() {
  auto const since = connection::clock::now();
  for (;;) {
    auto const whole = take_body();
    if (!whole) co_return co_await refuse(whole.error());
    if (*whole) co_return std::nullopt;

    // Only while nothing of it has come (RFC 9110 §10.1.1).
    if (std::exchange(continue_expected_, false) && body_.empty() && connection_->input().empty())
      connection_->output() += "HTTP/1.1 100 Continue\r\n\r\n";
    auto sent = connection_->try_flush();
    if (!sent) sent = co_await connection_->flush();
    if (*sent != io_result::done) co_return ending::quietly;

    auto const due = connection_->transfer_due(since, body_.size());
    auto const received = co_await connection_->fill(due, body_read_bytes, false);
    if (received == io_result::timed_out) {
      failure late{errc::request_timeout, "the body did not arrive in time; nothing was changed"};
      co_return co_await refuse(std::move(late));
    }
    if (received != io_result::done) co_return ending::quietly;
  }
}

/// Runs an operation that may have to wait or wants to hold. @return nothing when the peer has hung up meanwhile.
awaitable<std::optional<execution>> session::execute(kv_request const& request) {
  // The answers before this one must not wait for it.
  auto sent = connection_->try_flush();
  if (!sent) sent = co_await connection_->flush();
  if (*sent != io_result::done) co_return std::nullopt;

  interruption_.reset();
  if (context_.draining) interruption_.stop(stop_reason::drain);
  connection_->watch_for_hang_up(interruption_, context_.settings.sessions.header_bytes_max);
  std::optional<execution> done =
      co_await context_.store.execute(request.operation, request.terms, interruption_, phase_);
  connection_->end_watch();
  if (interruption_.why() == stop_reason::hang_up) done.reset();
  co_return done;
}

/// Puts an answer into the output, and sends that where it is large or the last.
awaitable<session::progress> session::finish_request(reply answer) {
  // Draining may have begun since the header came.
  if (context_.draining) framing_.close = true;
  auto& output = connection_->output();
  append_head(output, answer, framing_);
  auto tail = framing_.head_only ? std::string_view() : answer.content();
  if (tail.size() <= copied_bytes_max) {
    output += tail;
    tail = {};
  }
  if (!framing_.close && tail.empty() && output.size() < gathered_bytes_max) co_return std::nullopt;

  auto sent = connection_->try_flush(tail);
  if (!sent) sent = co_await connection_->flush(tail);
  if (*sent != io_result::done) co_return ending::quietly;
  if (framing_.close) co_return ending::after_lingering;
  co_return std::nullopt;
}

/// Answers a message whose framing can't be trusted any more.
awaitable<session::ending> session::refuse(failure error) {
  framing_ = {.head_only = false, .close = true, .http11 = true};
  auto const end = co_await finish_request(reply_to(error));
  co_return end.value_or(ending::quietly);
}

}  // namespace holdfast::server
