#include "server/session.hpp"

#include <boost/asio/co_spawn.hpp>

#include "protocol/head_scanner.hpp"
#include "server/log.hpp"

namespace holdfast::server {

using namespace protocol;

namespace {

/// What is copied while the lock is held, of a plain read.
constexpr std::size_t plain_read_bytes = 256;

void append(byte_buffer& output, reply const& answer, reply_framing framing) {
  auto const content = framing.head_only ? std::string_view() : answer.content();
  auto* const room = output.prepare(head_bytes_max(answer) + content.size()).data();
  auto const* const end = std::copy(content.begin(), content.end(), write_head(room, answer, framing));
  output.commit(static_cast<std::size_t>(end - room));
}

}  // namespace

session::session(unique_socket socket, owner& its_owner, thread_context& thread)
    : owner_(its_owner),
      thread_(thread),
      connection_(std::move(socket), *this, thread.polls, thread.deadlines,
                  thread.server.settings.sessions.transfer_timeout) {}

void session::start() {
  if (!connection_.open()) return end("no room in the poll set");
  if (insight_is_built) peer_ = connection_.address();
  rest(connection::clock::now());
}

void session::rest(connection::clock::time_point since) {
  connection_.rest(since + thread_.server.settings.sessions.idle_timeout);
}

void session::end(std::string_view reason) {
  log_debug("session ended", {{"peer", connection_.peer()}, {"requests", requests_}, {"reason", reason}});
  owner_.on_session_end(*this);
}

void session::drain() {
  if (!in_loop_) return end("draining");
  if (loop_ != nullptr) loop_->drain();
}

void session::hurry() {
  if (!in_loop_) return end("draining");
  if (loop_ != nullptr) loop_->hurry();
}

void session::abort() {
  if (!in_loop_) return end("aborted");
  connection_.close();
}

void session::on_bytes() {
  auto& outbox = thread_.outbox;
  try {
    serve_bytes();
  } catch (std::exception const& exception) {
    fail(exception);
  }
  // The session may be gone by now.
  if (outbox.is_full()) outbox.send_all();
}

void session::serve_bytes() {
  auto const got = connection_.read_some({thread_.input.get(), thread_context::input_bytes});
  if (!got) return;
  if (*got == 0) return end("closed by the peer");
  thread_.read_at = connection::clock::now();
  std::string_view const bytes(thread_.input.get(), *got);
  auto& outbox = thread_.outbox;
  auto const served = serve_at_once(bytes, outbox.open(bytes.size()));
  if (served == bytes.size()) {
    // Answered within microseconds: too little for an idle timeout to read the clock again.
    rest(thread_.read_at);
    return outbox.post(connection_);
  }
  // The rest may have to wait, which is no reason for what is answered already to do so.
  auto const answers = outbox.appended();
  auto const sent = answers.empty() ? 0 : connection_.send_some(answers);
  outbox.send_all();  // a loop's first step may be a long one
  begin_loop(bytes.substr(served), answers.substr(sent));
}

void session::on_unsent(std::string_view bytes) {
  try {
    begin_loop({}, bytes);
  } catch (std::exception const& exception) {
    fail(exception);
  }
}

/// Answers requests from the front of `bytes` as long as each is whole, sound and small, finds the lock free, wants no
/// hold and leaves the connection open. @return how many bytes it has used. The first request that is different stays
/// unread and unchanged for the request_loop, which knows what to do with it.
std::size_t session::serve_at_once(std::string_view bytes, byte_buffer& output) {
  auto rest = bytes;
  auto const enough = output.size() + gathered_bytes_max;
  while (!rest.empty() && output.size() < enough) {
    auto behind = rest;
    if (!serve_one(behind, output)) break;
    rest = behind;
    ++requests_;
  }
  return bytes.size() - rest.size();
}

// What follows takes one request off the front of `bytes` and appends its answer to `output`; false where the request
// is not for here, and then nothing has happened. A recognized request goes from hand to hand and is never moved, nor
// is its answer.

bool session::serve_one(std::string_view& bytes, byte_buffer& output) {
  auto& responder = thread_.responder;
  if (auto const recognized = responder.recognize_head(bytes); recognized != 0) {
    bytes.remove_prefix(recognized);
    if (auto const key = responder.plain_read(); !key.empty() && serve_plain_read(key, output)) return true;
    return serve_parsed(responder.recognized(), bytes, output);
  }
  auto const head_bytes = head_scanner().scan(bytes, thread_.server.settings.sessions.header_bytes_max);
  if (!head_bytes || *head_bytes == 0) return false;
  auto request = responder.read_head(bytes.substr(0, *head_bytes));
  if (!request) return false;
  bytes.remove_prefix(*head_bytes);
  return serve_parsed(*std::move(request), bytes, output);
}

bool session::serve_plain_read(std::string_view key, byte_buffer& output) {
  char room[plain_read_bytes];
  auto const done = thread_.server.store.try_read(key, asker(), room, copied_bytes_max);
  if (!done) return false;
  thread_.responder.answer(*done, output);
  if constexpr (insight_is_built)
    thread_.recorder.requests.add(route_kind::value, method::get, 200, (done->ended_at - thread_.read_at).count());
  return true;
}

bool session::serve_parsed(responder::parsed_request request, std::string_view& bytes, byte_buffer& output) {
  if (request.framing.close) return false;
  if (auto* const kv = std::get_if<kv_request>(&request.routed)) return serve_value(request, *kv, bytes, output);
  auto const* const answer = std::get_if<reply>(&request.routed);
  if (answer == nullptr) return false;
  append(output, *answer, request.framing);
  count(request.route, request.method, answer->status);
  return true;
}

void session::count(route_kind route, method method, unsigned status, connection::clock::time_point answered_at) {
  if constexpr (insight_is_built) {
    std::chrono::nanoseconds const duration = answered_at - thread_.read_at;
    thread_.recorder.requests.add(route, method, status, duration.count());
  }
}

bool session::serve_value(responder::parsed_request& request, kv_request& kv, std::string_view& bytes,
                          byte_buffer& output) {
  if (kv.terms.hold.count() != 0) return false;
  auto& responder = thread_.responder;
  if (auto* const put = std::get_if<put_operation>(&kv.operation)) {
    if (responder.body_exceeds(bytes.size())) return false;
    std::string body;
    while (!responder.is_read()) {
      auto const used = responder.read_body(bytes, body);
      if (!used || *used == 0) return false;
      bytes.remove_prefix(*used);
    }
    if (auto const refused = responder::take_value(*put, std::move(body))) {
      append(output, *refused, request.framing);
      count(request.route, request.method, refused->status);
      return true;
    }
  }
  auto done = thread_.server.store.try_execute(kv.operation, asker_of(kv, request.framing, asker()), copied_bytes_max);
  if (!done) return false;
  // The clock was read when the lock was released, a moment ago.
  auto const answered_at = done->ended_at;
  auto const answer = responder.answer(kv, *std::move(done));
  append(output, answer, request.framing);
  count(request.route, request.method, answer.status, answered_at);
  return true;
}

void session::begin_loop(std::string_view unserved, std::string_view unsent) {
  connection_.work();
  auto const room = connection_.input().prepare(unserved.size());
  std::copy(unserved.begin(), unserved.end(), room.begin());
  connection_.input().commit(unserved.size());
  connection_.output() = unsent;
  in_loop_ = true;
  asio::co_spawn(thread_.io, run_loop(*this),
                 [this](std::exception_ptr const& error, bool goes_on) { on_loop_end(error, goes_on); });
}

awaitable<bool> session::run_loop(session& self) {
  request_loop loop(self.connection_, self.thread_.server, self.asker());
  self.loop_ = &loop;
  auto const goes_on = co_await loop.run();
  self.loop_ = nullptr;
  self.requests_ += loop.requests();
  co_return goes_on;
}

void session::on_loop_end(std::exception_ptr const& error, bool goes_on) {
  loop_ = nullptr;
  in_loop_ = false;
  if (!error) {
    if (!goes_on) return end("closed");
    // A drain that came since the loop's end took the session for one in a loop.
    if (thread_.server.draining) return end("draining");
    return rest(connection::clock::now());
  }
  try {
    std::rethrow_exception(error);
  } catch (std::exception const& exception) {
    fail(exception);
  }
}

void session::fail(std::exception const& exception) {
  log_error("session failed", {{"peer", connection_.peer()}, {"error", exception.what()}});
  end("failed");
}

}  // namespace holdfast::server
