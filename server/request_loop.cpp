#include "server/request_loop.hpp"

#include <utility>

namespace holdfast::server {
namespace {

using namespace protocol;

constexpr std::size_t header_read_bytes = 2 * 1024;
constexpr std::size_t body_read_bytes = 64 * 1024;
constexpr std::chrono::milliseconds linger_time{2000};
constexpr std::chrono::milliseconds linger_time_draining{250};

}  // namespace

awaitable<bool> request_loop::run() {
  auto const how = co_await serve();
  if (how == ending::after_lingering) {
    lingers_ = true;
    co_await connection_.linger(context_.draining ? linger_time_draining : linger_time);
  }
  co_return how == ending::at_rest;
}

void request_loop::drain() {
  if (interruption_ && interruption_->phase() == lock_phase::waiting) return interruption_->stop(stop_reason::drain);
  if (lingers_) connection_.interrupt();
}

void request_loop::hurry() {
  if (!interruption_ || interruption_->phase() == lock_phase::none) return connection_.close();
  interruption_->stop(stop_reason::drain);
}

awaitable<request_loop::ending> request_loop::serve() {
  auto& input = connection_.input();
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

/// Sends what has been answered so far, and ends the loop where nothing more has begun to arrive.
awaitable<request_loop::progress> request_loop::receive_more() {
  auto sent = connection_.try_flush();
  if (!sent) sent = co_await connection_.flush();
  if (*sent != io_result::done) co_return ending::quietly;
  if (connection_.input().empty()) co_return context_.draining ? ending::quietly : ending::at_rest;

  if (!header_due_) header_due_ = connection::clock::now() + context_.settings.sessions.header_timeout;
  auto const received = co_await connection_.fill(*header_due_, header_read_bytes);
  if (received == io_result::done) co_return std::nullopt;
  if (received != io_result::timed_out) co_return ending::quietly;
  failure late{errc::request_timeout, "the header did not arrive in time; send it in one piece"};
  co_return co_await refuse(std::move(late));
}

awaitable<request_loop::progress> request_loop::serve_request(std::size_t head_bytes) {
  scanner_.reset();
  header_due_.reset();
  ++requests_;
  begun_at_ = connection::clock::now();
  auto request = responder_.read_head(connection_.input().view().substr(0, head_bytes));
  if (!request) co_return co_await refuse(request.error());
  framing_ = request->framing;
  method_ = request->method;
  route_ = request->route;
  continue_expected_ = request->continue_expected;
  connection_.input().consume(head_bytes);
  if (auto* const kv = std::get_if<kv_request>(&request->routed)) co_return co_await serve_value(std::move(*kv));
  if (auto* const about = std::get_if<insight_request>(&request->routed)) co_return co_await serve_insight(*about);
  co_return co_await finish_request(std::move(std::get<reply>(request->routed)));
}

awaitable<request_loop::progress> request_loop::serve_value(kv_request request) {
  if (auto* const put = std::get_if<put_operation>(&request.operation)) {
    std::string body;
    auto const end = co_await receive_body(body);
    if (end) co_return end;
    auto refused = responder::take_value(*put, std::move(body));
    if (refused) co_return co_await finish_request(std::move(*refused));
  }
  std::optional<execution> done;
  if (request.terms.hold.count() == 0)
    done = context_.store.try_execute(request.operation, asker_of(request, framing_, asker_));
  if (!done) done = co_await execute(request);
  if (!done) co_return ending::quietly;
  auto answer = responder_.answer(request, *std::move(done));
  co_return co_await finish_request(std::move(answer));
}

/// Parses what has arrived of the body. @return whether it is whole.
result<bool> request_loop::take_body(std::string& body) {
  auto& input = connection_.input();
  while (!responder_.is_read() && !input.empty()) {
    auto const used = responder_.read_body(input.view(), body);
    if (!used) return used.error();
    if (*used == 0) break;
    input.consume(*used);
  }
  // What is left over is the beginning of a chunk's header or of a trailer.
  if (!responder_.is_read() && input.size() > context_.settings.sessions.header_bytes_max)
    return failure{errc::bad_request, "a chunk's header or the trailer is too long"};
  return responder_.is_read();
}

awaitable<request_loop::progress> request_loop::receive_body(std::string& body) {
  auto const since = connection::clock::now();
  for (;;) {
    auto const whole = take_body(body);
    if (!whole) co_return co_await refuse(whole.error());
    if (*whole) co_return std::nullopt;

    // Only while nothing of it has come (RFC 9110 §10.1.1).
    if (std::exchange(continue_expected_, false) && body.empty() && connection_.input().empty())
      connection_.output() += "HTTP/1.1 100 Continue\r\n\r\n";
    auto sent = connection_.try_flush();
    if (!sent) sent = co_await connection_.flush();
    if (*sent != io_result::done) co_return ending::quietly;

    auto const received = co_await connection_.fill(connection_.transfer_due(since, body.size()), body_read_bytes);
    if (received == io_result::timed_out) {
      failure late{errc::request_timeout, "the body did not arrive in time; nothing was changed"};
      co_return co_await refuse(std::move(late));
    }
    if (received != io_result::done) co_return ending::quietly;
  }
}

/// Runs an operation that may have to wait or wants to hold. @return nothing when the peer has hung up meanwhile.
awaitable<std::optional<execution>> request_loop::execute(kv_request const& request) {
  // The answers before this one must not wait for it.
  auto sent = connection_.try_flush();
  if (!sent) sent = co_await connection_.flush();
  if (*sent != io_result::done) co_return std::nullopt;

  auto& stop = interruption_.emplace();
  if (context_.draining) stop.stop(stop_reason::drain);
  connection::hang_up_watch const watch(connection_, stop, context_.settings.sessions.header_bytes_max);
  auto const asker = asker_of(request, framing_, asker_);
  std::optional<execution> done = co_await context_.store.execute(request.operation, request.terms, stop, asker);
  if (stop.why() == stop_reason::hang_up) done.reset();
  co_return done;
}

/// Puts an answer's header into the output, and counts the request.
void request_loop::begin_answer(reply const& answer) {
  append_head(connection_.output(), answer, framing_);
  if constexpr (insight_is_built) {
    // A message whose header was no header has no beginning either.
    auto const now = connection::clock::now();
    auto const begun_at = std::exchange(begun_at_, {});
    std::chrono::nanoseconds const duration = now - (begun_at == connection::clock::time_point() ? now : begun_at);
    asker_.recorder->requests.add(std::exchange(route_, route_kind::other), std::exchange(method_, method::unknown),
                                  answer.status, duration.count());
  }
}

/// Puts an answer into the output, and sends that where it is large or the last.
awaitable<request_loop::progress> request_loop::finish_request(reply answer) {
  // Draining may have begun since the header came.
  if (context_.draining) framing_.close = true;
  begin_answer(answer);
  auto& output = connection_.output();
  auto tail = framing_.head_only ? std::string_view() : answer.content();
  if (tail.size() <= copied_bytes_max) {
    output += tail;
    tail = {};
  }
  if (!framing_.close && tail.empty() && output.size() < gathered_bytes_max) co_return std::nullopt;

  auto sent = connection_.try_flush(tail);
  if (!sent) sent = co_await connection_.flush(tail);
  if (*sent != io_result::done) co_return ending::quietly;
  if (framing_.close) co_return ending::after_lingering;
  co_return std::nullopt;
}

/// Answers a message whose framing can't be trusted any more.
awaitable<request_loop::ending> request_loop::refuse(failure error) {
  framing_ = {.head_only = connection_.input().view().starts_with("HEAD "), .close = true, .http11 = true};
  auto const end = co_await finish_request(reply_to(error));
  co_return end.value_or(ending::quietly);
}

}  // namespace holdfast::server
