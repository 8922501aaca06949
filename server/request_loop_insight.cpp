// The part of a request_loop that tells about the server: answers that are a state, and answers that never end.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/post.hpp>
#include <charconv>

#include "server/insight/event_stream.hpp"
#include "server/insight/lock_json.hpp"
#include "server/insight/lock_trace.hpp"
#include "server/insight/metrics.hpp"
#include "server/request_loop.hpp"
#include "server/route_answers.hpp"
#include "server/settings_answers.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

constexpr std::chrono::milliseconds news_interval{50};

reply no_store(reply answer) {
  answer.more_fields += "Cache-Control: no-store\r\n";
  return answer;
}

std::vector<event_ring::entry> present(insight const& source) {
  std::vector<event_ring::entry> found;
  for (auto const& recorder : source.recorders) {
    auto some = recorder->present();
    std::move(some.begin(), some.end(), std::back_inserter(found));
  }
  return found;
}

reply lock_state(insight const& source, std::size_t limit) {
  auto found = present(source);
  return no_store(json_reply(lock_state_json(std::move(found), source.now_ns(), source.start, limit)));
}

/// Appends a chunk (RFC 9112 §7.1), or the text as it is where the client knows no chunks. An empty one is the last.
void append_piece(std::string& out, std::string_view text, bool chunked) {
  if (!chunked) {
    out += text;
    return;
  }
  char digits[16];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, text.size(), 16).ptr);
  ((out += "\r\n") += text) += "\r\n";
}

}  // namespace

awaitable<request_loop::progress> request_loop::serve_insight(insight_request request) {
  if constexpr (!insight_is_built) {
    auto refused =
        server::refuse(errc::not_built, "this server was built with HOLDFAST_INSIGHT=OFF, so it does not watch");
    co_return co_await finish_request(std::move(refused));
  }
  if (request.what == insight_request::kind::lock_events) co_return co_await stream_events(request);
  if (request.what == insight_request::kind::lock_trace) co_return co_await send_trace(request.duration);
  if (request.what == insight_request::kind::change_settings) {
    std::string body;
    auto const end = co_await receive_body(body);
    if (end) co_return end;
    auto changed = change_settings(body, context_.settings, context_.live);
    co_return co_await finish_request(std::move(changed));
  }
  auto answer = answer_to(request);
  co_return co_await finish_request(std::move(answer));
}

/// The answer where it is a state.
reply request_loop::answer_to(insight_request const& request) const {
  auto& source = context_.insight;
  reply answer;
  switch (request.what) {
    case insight_request::kind::metrics:
      answer.content_type = metrics_content_type;
      answer.body = metrics_text(source, context_.connections.load(std::memory_order_relaxed));
      return answer;
    case insight_request::kind::settings:
      return settings_reply(context_.settings, context_.live);
    case insight_request::kind::lock_state:
    case insight_request::kind::lock_events:
    case insight_request::kind::lock_trace:
    case insight_request::kind::change_settings:
      break;
  }
  return lock_state(source, request.limit);
}

/// Tells the lock's events until the peer goes, doesn't read, or the server drains and nobody waits or holds any more.
/// What the peer has not read is bounded: a piece of some 64 KiB; the rest is passed over where it grows old.
awaitable<request_loop::progress> request_loop::stream_events(insight_request const& request) {
  reply answer = no_store({});
  answer.content_type = request.format == event_format::sse ? "text/event-stream" : "application/x-ndjson";
  answer.length_is_known = false;
  framing_.close = true;  // nothing comes behind an answer that never ends
  auto& output = connection_.output();
  begin_answer(answer);

  if (!framing_.head_only) {
    auto const chunked = framing_.http11;
    event_stream events(context_.insight, context_.live, request.format, request.after);
    std::string piece;
    events.append_hello(piece, context_.insight.now_ns());
    for (bool is_last = false;;) {
      auto const more = events.append_news(piece, context_.insight.now_ns());
      if (!piece.empty()) append_piece(output, piece, chunked);
      piece.clear();
      auto sent = connection_.try_flush();
      if (!sent) sent = co_await connection_.flush();
      if (*sent != io_result::done) co_return ending::quietly;
      if (more) continue;
      if (is_last) break;
      // Who leaves the queue is gone from it before his event is told: so once more after that.
      is_last = context_.draining && present(context_.insight).empty();
      auto const goes_on = co_await pause_stream(news_interval);
      if (!goes_on) co_return ending::quietly;
    }
    append_piece(output, {}, chunked);
  }
  auto sent = connection_.try_flush();
  if (!sent) sent = co_await connection_.flush();
  co_return *sent == io_result::done ? ending::after_lingering : ending::quietly;
}

/// Sends the trace in pieces, and lets others have the thread in between.
awaitable<request_loop::progress> request_loop::send_trace(std::chrono::nanoseconds duration) {
  reply answer = no_store({});
  answer.content_type = "application/json";
  answer.length_is_known = false;
  if (!framing_.http11 || context_.draining) framing_.close = true;
  auto& output = connection_.output();
  begin_answer(answer);

  if (!framing_.head_only) {
    auto const chunked = framing_.http11;
    auto& source = context_.insight;
    // In this order: who is done in between is in both then, and not in neither.
    auto going_on = present(source);
    auto const now_ns = source.now_ns();
    auto const since_ns = std::max<std::int64_t>(0, now_ns - duration.count());
    auto events = source.feed.since(since_ns);
    lock_trace trace(std::move(events), std::move(going_on), since_ns, now_ns, source.start);
    auto const executor = co_await asio::this_coro::executor;
    std::string piece;
    for (bool more = true; more;) {
      piece.clear();
      more = trace.append_piece(piece);
      append_piece(output, piece, chunked);
      auto sent = connection_.try_flush();
      if (!sent) sent = co_await connection_.flush();
      if (*sent != io_result::done) co_return ending::quietly;
      if (more) co_await asio::post(executor, as_values);
    }
    if (chunked) append_piece(output, {}, chunked);
  }
  auto sent = connection_.try_flush();
  if (!sent) sent = co_await connection_.flush();
  if (*sent != io_result::done) co_return ending::quietly;
  if (framing_.close) co_return ending::after_lingering;
  co_return std::nullopt;
}

/// Waits, and watches for a hang-up meanwhile; draining cuts it short. @return whether the peer is still there.
awaitable<bool> request_loop::pause_stream(std::chrono::nanoseconds time) {
  auto& stop = interruption_.emplace();
  connection::hang_up_watch const watch(connection_, stop, context_.settings.sessions.header_bytes_max);
  interruption::phase_scope const waiting(stop, lock_phase::waiting);
  steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::bind_cancellation_slot(waiting.slot(), as_values));
  co_return stop.why() != stop_reason::hang_up;
}

}  // namespace holdfast::server
