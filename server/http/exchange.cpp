#include "server/http/exchange.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "server/http/client_link.hpp"

namespace holdfast::server {

using namespace protocol;

namespace {

constexpr std::size_t bytes_kept_max = 1024;
/// Memory estimate for awaiting: coroutines, buffers and a place in a queue, without read-ahead data.
constexpr std::size_t awaiting_bytes = 4 * 1024;
/// For the logs, as nginx has it.
constexpr unsigned client_closed_request = 499;

failure no_memory_left() {
  return {errc::overloaded, "running requests use all memory that this server allows; nothing was changed. Retry"};
}

}  // namespace

exchange::step exchange::serve(std::string_view& input, byte_buffer& output, peer_address const& client,
                               clock::time_point now) {
  client_ = &client;
  for (;;) {
    switch (state_) {
      case state::head:
        begun_at_ = now;
        if (!read_head(input, client)) return step::more_bytes;
        break;
      case state::body:
        if (!read_body(input, output)) return step::more_bytes;
        break;
      case state::time:
        return step::time;
      case state::answer:
        return write_answer(output);
      case state::tail:
        return step::room;
      case state::sent:
        return finish();
      case state::end:
        return step::end;
    }
  }
}

/// @return true if there was a complete request.
bool exchange::read_head(std::string_view& input, peer_address const& client) {
  // Empty lines before a request are skipped (RFC 9112 §2.2).
  while (input.starts_with("\r\n")) input.remove_prefix(2);
  if (input.empty()) return false;

  request_head const* head = nullptr;
  auto bytes = parser_.recognize_head(input, settings_.header_bytes_max);
  if (bytes != 0) {
    head = &parser_.head();
  } else {
    // Also for an incomplete header: the answer to a time-out must not use the framing of the previous request, which
    // may be another client's.
    framing_ = {.head_only = input.starts_with("HEAD ")};
    auto const scanned = scanner_.scan(input, settings_.header_bytes_max);
    if (scanned && *scanned == 0) return false;
    if (!scanned) {
      refuse(scanned.error());
      return true;
    }
    auto const parsed = parser_.parse_head(input.substr(0, *scanned));
    if (!parsed) {
      refuse(parsed.error());
      return true;
    }
    bytes = *scanned;
    head = *parsed;
  }
  scanner_.reset();  // it may begin a form that was recognized when more had arrived
  framing_ = {.head_only = head->method == method::head, .close = !head->keep_alive, .http11 = head->http11};
  method_ = head->method;
  continue_expected_ = head->expects_continue;
  auto const need = handler_->begin(*head, client, answer_);
  if (need == request_need::stream) parser_.lift_limit();
  go_on(need);
  // An unread body would be parsed as the next request.
  if (need != request_need::body && need != request_need::stream && !parser_.done()) framing_.close = true;
  input.remove_prefix(bytes);
  return true;
}

/// @return true if the body has ended, properly or not.
bool exchange::read_body(std::string_view& input, byte_buffer& output) {
  auto const bytes_max = handler_->body_bytes_max();
  while (!parser_.done()) {
    auto const used = parser_.parse_body(input, body_);
    if (!used) {
      refuse(used.error());
      return true;
    }
    input.remove_prefix(*used);
    // A client that has begun to send no longer waits for 100 Continue (RFC 9110 §10.1.1).
    if (*used != 0) continue_expected_ = false;
    if (body_.size() > bytes_max || parser_.content_left() > bytes_max) {
      refuse({errc::body_too_large, "here the body is limited to " + std::to_string(bytes_max) + " bytes"});
      return true;
    }
    if (*used == 0) break;
  }
  if (parser_.done()) {
    auto const bytes = body_.size();
    body_bytes_ = bytes;
    go_on(handler_->finish(std::exchange(body_, {}), answer_), bytes);
    return true;
  }
  if (!count(body_.capacity())) return true;
  if (std::exchange(continue_expected_, false) && input.empty()) output.append("HTTP/1.1 100 Continue\r\n\r\n");
  return false;
}

/// Counts memory kept while awaiting. @return false, with the request refused, if the limit is reached.
bool exchange::count(std::size_t bytes) {
  if (counted_.grow_to(bytes)) return true;
  refuse_for_memory();
  if (!parser_.done()) framing_.close = true;
  return false;
}

void exchange::refuse_for_memory() {
  answer_ = reply_to(no_memory_left());
  state_ = state::answer;
}

void exchange::run_out_of_memory() {
  if (state_ == state::head) return refuse(no_memory_left());
  refuse_for_memory();
  if (!parser_.done()) framing_.close = true;
}

/// Counts memory that an answer keeps until it is durable or a slow client has read it. Beyond the limit, a read is
/// refused; a change has already been made and must be answered.
void exchange::count_answer(bool is_withheld) {
  auto const content = content_bytes();
  if (!is_withheld && content <= copied_bytes_max) return;
  // A replaced value stays in memory while it is being sent. Each of its users counts a part of it.
  auto const users = answer_.value && content > copied_bytes_max ? answer_.value.use_count() : 1;
  auto const bytes = content / static_cast<std::size_t>(users) + head_bytes_max(answer_);
  if (counted_.grow_to(bytes)) return;
  if (method_ == method::get || method_ == method::head) return refuse_for_memory();
  counted_.raise_to(bytes);
}

/// @param body_bytes part of the request's body that the handler has.
void exchange::go_on(request_need need, std::size_t body_bytes) {
  switch (need) {
    case request_need::nothing:
      state_ = state::answer;
      return;
    case request_need::body:
      state_ = state::body;
      if (auto const fits = parser_.check_length(); !fits) refuse(fits.error());
      return;
    case request_need::stream:
    case request_need::time:
      if (count(body_bytes + awaiting_bytes + settings_.header_bytes_max)) state_ = state::time;
      return;
  }
}

awaitable<bool> exchange::run(client_link& client) {
  begun_at_ = clock::now();
  client.offer_body(parser_, continue_expected_);
  auto const how = co_await handler_->run(client, answer_);
  body_bytes_ += client.body_bytes();
  piece_bytes_ = client.sent_bytes();
  // The rest of a body would be parsed as the next request.
  if (!parser_.done()) framing_.close = true;
  if (how == request_end::gone) co_return false;
  state_ = how == request_end::sent ? state::sent : state::answer;
  co_return true;
}

/// Answers a message whose framing can't be trusted.
void exchange::refuse(failure const& error) {
  scanner_.reset();
  framing_.close = true;
  framing_.http11 = true;
  answer_ = reply_to(error);
  state_ = state::answer;
}

void exchange::time_out() {
  refuse(state_ == state::body
             ? failure{errc::request_timeout, "the body did not arrive in time; nothing was changed"}
             : failure{errc::request_timeout, "the header did not arrive in time; send it in one piece"});
}

exchange::step exchange::write_answer(byte_buffer& output) {
  // Draining may have begun after the header arrived.
  if (draining_.load(std::memory_order_relaxed)) framing_.close = true;
  auto const is_durable = [&] { return answer_.needs == 0 || gate_.is_open_for(answer_.needs); };
  count_answer(!is_durable());
  if (!is_durable()) {
    answer_.is_withheld = true;
    withheld_.needs = std::max(withheld_.needs, answer_.needs);
  }
  auto const content = framing_.head_only ? std::string_view() : answer_.content();
  auto const copied = content.size() <= copied_bytes_max ? content : std::string_view();
  auto* const room = output.prepare(head_bytes_max(answer_) + copied.size()).data();
  auto* end = write_head_of_value(room, answer_, framing_);
  if (end == nullptr) end = write_head(room, answer_, framing_);
  if (answer_.is_withheld) {
    auto const at = static_cast<std::size_t>(end - room) - 4 - answer_gate::timing_text.size();
    withheld_.lines.push_back({output.size() + at, clock::now()});
  }
  end = std::copy(copied.begin(), copied.end(), end);
  output.commit(static_cast<std::size_t>(end - room));
  if (copied.size() == content.size()) return finish();
  tail_ = content;
  state_ = state::tail;
  return step::room;
}

void exchange::sent() noexcept {
  if (state_ == state::tail) state_ = state::sent;
}

exchange::step exchange::finish() {
  tail_ = {};
  state_ = framing_.close ? state::end : state::head;
  // A body is either with the handler or, if it was refused, still here.
  handler_->count({std::exchange(method_, method::unknown), answer_.status, begun_at_, *client_,
                   std::exchange(body_bytes_, 0) + body_.size(), content_bytes() + std::exchange(piece_bytes_, 0)});
  if (body_.capacity() > bytes_kept_max) std::string().swap(body_);  // an assignment would keep its memory
  if (answer_.body.capacity() > bytes_kept_max) std::string().swap(answer_.body);
  body_.clear();
  counted_.release();
  answer_.clear();
  return framing_.close ? step::end : step::answered;
}

void exchange::break_off(std::size_t tail_sent) noexcept {
  auto const at = std::exchange(state_, state::end);
  // The method is known from a request's header until it has been counted, also if the handler has failed.
  if (at == state::end || (at == state::head && method_ == method::unknown)) return;
  auto const has_answer = at == state::answer || at == state::tail || at == state::sent;
  auto const sent = at == state::sent ? content_bytes() : at == state::tail ? tail_sent : 0;
  try {
    handler_->count({std::exchange(method_, method::unknown), has_answer ? answer_.status : client_closed_request,
                     begun_at_, *client_, body_bytes_ + body_.size(), sent + piece_bytes_});
  } catch (std::bad_alloc const&) {
    // What could not be allocated is only its line in a log.
  }
}

}  // namespace holdfast::server
