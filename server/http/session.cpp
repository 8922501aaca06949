#include "server/http/session.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <new>
#include <optional>
#include <utility>

#include "server/http/reply.hpp"
#include "server/log/log.hpp"

namespace holdfast::server {
namespace {

/// Answers to pipelined requests are gathered up to this size before they are sent.
constexpr std::size_t gathered_bytes_max = 64 * 1024;
/// Bytes of requests and answers to process before other sessions get their turn.
constexpr std::size_t turn_bytes_max = 128 * 1024;
/// Limit for withheld answers of a client; beyond it, its next requests wait.
constexpr std::size_t withheld_bytes_max = 64 * 1024;
constexpr std::size_t header_read_bytes = 2 * 1024;
constexpr std::size_t body_read_bytes = 64 * 1024;
constexpr std::chrono::milliseconds linger_time{2000};
constexpr std::chrono::milliseconds linger_time_draining{250};
/// Time for a request that is already on its way when the drain begins, of a client that is new or busy.
constexpr std::chrono::milliseconds crossing_time{100};
constexpr std::chrono::seconds busy_time{1};

}  // namespace

// --- what the sessions of a thread share ---------------------------------------------------------------------------

session_context::session_context(event_loop& its_loop, session_settings const& its_settings,
                                 byte_budget& under_way_bytes, byte_budget& buffer_bytes,
                                 std::atomic<bool> const& is_draining, durable_progress const& progress,
                                 handler_factory make_handler, tls_figures* tls)
    : loop(its_loop),
      settings(its_settings),
      draining(is_draining),
      handshakes(tls != nullptr ? std::make_unique<handshake_turns>(its_loop, *tls) : nullptr),
      gate(its_loop, progress),
      under_way(under_way_bytes),
      buffers(buffer_bytes),
      input(std::make_unique_for_overwrite<char[]>(input_bytes)),
      make_handler_(std::move(make_handler)) {}

exchange& session_context::spare_exchange() {
  if (spare_.empty())
    spare_.push_back(std::make_unique<exchange>(make_handler_(), settings, known_fields_, under_way, draining, gate));
  return *spare_.back();
}

std::unique_ptr<exchange> session_context::take_exchange() {
  static_cast<void>(spare_exchange());
  auto taken = std::move(spare_.back());
  spare_.pop_back();
  return taken;
}

void session_context::return_exchange(std::unique_ptr<exchange> one) {
  if (spare_.size() < spare_max) spare_.push_back(std::move(one));
}

// --- a session at rest ---------------------------------------------------------------------------------------------

session::session(unique_socket socket, owner& its_owner, session_context& context, tls::context tls)
    : owner_(its_owner),
      context_(context),
      connection_(std::move(socket), *this, context.loop, context.settings.transfer_timeout) {
  connection_.count_in(context.buffers);
  if (tls) connection_.use_tls(std::move(tls), *context.handshakes);
}

void session::start() {
  if (!connection_.open()) return end("no room in the epoll set");
  peer_ = connection_.address();
  rests_since_ = connection::clock::now();
  connection_.rest(rests_since_ + (connection_.is_shaking_hands() ? context_.settings.header_timeout
                                                                  : context_.settings.idle_timeout));
}

void session::on_handshake() {
  rest(connection::clock::now());
  if (connection_.has_unread()) on_bytes();
}

void session::on_plain_text() {
  log_debug("plain text where tls is spoken", {{"peer", connection_.peer()}});
  connection_.work();
  at_work_ = true;
  spawn(refuse_plain_text());
}

awaitable<bool> session::refuse_plain_text() {
  auto const answer = reply_to(protocol::failure{protocol::errc::bad_request,
                                                 "this port speaks TLS; write https:// instead of http:// in the URL"});
  std::string head;
  append_head(head, answer, {.head_only = false, .close = true, .http11 = true});
  connection_.output().append(head);
  connection_.output().append(answer.content());
  auto sent = connection_.try_flush();
  if (!sent) sent = co_await connection_.flush();
  if (*sent == io_result::done) co_await connection_.linger(linger_time_draining);
  co_return false;
}

/// In a drain, only as long as a request may take that is already on its way: the client may not know of the end.
void session::rest(connection::clock::time_point since) {
  rests_since_ = since;
  connection_.rest(since + (context_.draining ? crossing_time : context_.settings.idle_timeout));
}

void session::end(std::string_view reason) {
  try {
    log_debug("session ended", {{"peer", connection_.peer()}, {"requests", requests_}, {"reason", reason}});
  } catch (std::bad_alloc const&) {
    // The connection ends either way.
  }
  owner_.on_session_end(*this);
}

void session::fail(std::exception const& exception) {
  try {
    log_error("session failed", {{"peer", connection_.peer()}, {"error", exception.what()}});
  } catch (std::bad_alloc const&) {
    // As above.
  }
  end("failed");
}

/// @return true if another server goes on with the connection, and this session has ended.
bool session::hand_over() {
  if (!context_.hands_over || withheld_) return false;
  try {
    auto& all = context_.handed_over;
    auto& place = all.emplace_back();
    place = connection_.release();
    if (place.get() < 0) {
      all.pop_back();
      return false;
    }
  } catch (std::bad_alloc const&) {
    return false;
  }
  end("handed over");
  return true;
}

/// Ends at rest, unless a request has arrived meanwhile: closing with it unread would reset the connection.
void session::end_unless_asked(std::string_view reason) {
  auto& outbox = context_.outbox;
  try {
    if (!serve_bytes()) return end(reason);
  } catch (std::exception const& exception) {
    fail(exception);
  }
  // The session may have been destroyed here.
  outbox.send_all();
}

void session::on_bytes() {
  auto& outbox = context_.outbox;
  try {
    static_cast<void>(serve_bytes());
  } catch (std::exception const& exception) {
    fail(exception);
  }
  // The session may have been destroyed here.
  if (outbox.is_full()) outbox.send_all();
}

/// May end the session. @return false if nothing has arrived.
bool session::serve_bytes() {
  auto const got = connection_.read_some({context_.input.get(), session_context::input_bytes});
  if (!got) return false;
  if (*got != 0) {
    serve(*got);
  } else if (!withheld_) {
    end("closed by the peer");
  } else {
    // The client may have closed only its side, and still wants the withheld answers.
    begin_work(context_.take_exchange(), {}, {});
  }
  return true;
}

/// @param got number of bytes in the thread's buffer for input.
void session::serve(std::size_t got) {
  auto const read_at = connection::clock::now();
  std::string_view bytes(context_.input.get(), got);
  auto& outbox = context_.outbox;
  auto& output = outbox.open(bytes.size());
  auto const enough = output.size() + gathered_bytes_max;
  auto& requests = context_.spare_exchange();
  auto step = exchange::step::answered;
  try {
    while (step == exchange::step::answered && !bytes.empty() && output.size() < enough) {
      step = requests.serve(bytes, output, peer_, read_at);
      requests_ += step == exchange::step::answered ? 1U : 0U;
    }
  } catch (...) {
    context_.drop_spare_exchange();
    throw;
  }
  auto const is_served = step == exchange::step::answered && bytes.empty() && !connection_.has_unread();
  auto const is_withheld = withheld_ != nullptr || requests.has_withheld();
  if (is_withheld) {
    auto const answers = outbox.appended();
    keep_withheld(requests.take_withheld(), output.size() - answers.size());
    connection_.output().append(answers);
    outbox.drop();
    if (is_served && connection_.output().size() < withheld_bytes_max) {
      rest(read_at);
      return context_.gate.withhold(*withheld_, withheld_->needed);
    }
  } else if (is_served) {
    // Answered within microseconds: too short for the idle timeout to need a new clock reading.
    rest(read_at);
    return outbox.post(connection_);
  }
  // Taken before anybody else asks for one: this one is in the middle of a request.
  auto taken = context_.take_exchange();
  // The rest may have to wait; finished answers must not wait with it.
  auto const answers = outbox.appended();
  auto const sent = answers.empty() ? 0 : connection_.send_some(answers);
  outbox.send_all();  // the next data may take their time
  begin_work(std::move(taken), bytes, answers.substr(sent));
}

/// @param moved_by number of bytes by which the answers move when they are appended to the output.
void session::keep_withheld(exchange::withheld&& more, std::size_t moved_by) {
  if (!withheld_) withheld_ = std::make_unique<withheld_answers>(*this);
  withheld_->needed = std::max(withheld_->needed, more.needs);
  for (auto const& one : more.lines)
    withheld_->lines.push_back({one.at - moved_by + connection_.output().size(), one.since});
}

/// Withheld answers have become durable.
void session::fill_in_withheld() {
  auto* const output = connection_.output().data();
  auto const now = connection::clock::now();
  for (auto const& line : withheld_->lines) context_.gate.fill_in(output + line.at, now - line.since);
  withheld_.reset();
}

/// Idle.
void session::send_withheld() {
  fill_in_withheld();
  auto& output = connection_.output();
  output.consume(connection_.send_some(output.view()));
  if (!output.empty()) {
    try {
      return begin_work(context_.take_exchange(), {}, {});
    } catch (std::exception const& exception) {
      return fail(exception);
    }
  }
  output.release();
  connection_.count_kept_buffers();
  // These answers did not announce the end.
  if (context_.draining) rest(connection::clock::now());
}

void session::on_idle_timeout() {
  if (!withheld_) return end_unless_asked(context_.draining ? "draining" : "idle");
  rest(connection::clock::now());
}

void session::on_unsent(std::string_view bytes) {
  try {
    begin_work(context_.take_exchange(), {}, bytes);
  } catch (std::exception const& exception) {
    fail(exception);
  }
}

// --- a session at work ---------------------------------------------------------------------------------------------

/// State that a session has only while something must be awaited. Lives in its coroutine.
class session::work {
 public:
  work(session& whole, std::unique_ptr<exchange> requests)
      : whole_(whole),
        connection_(whole.connection_),
        context_(whole.context_),
        peer_(whole.peer_),
        requests_(std::move(requests)),
        client_(connection_, requests_->framing(), context_.draining, context_.gate,
                context_.settings.header_bytes_max) {
    whole_.work_ = this;
  }
  ~work() {
    whole_.work_ = nullptr;
    whole_.requests_ += answered_;
    if (requests_) requests_->break_off(connection_.tail_sent());
  }
  work(work const&) = delete;
  work& operator=(work const&) = delete;

  /// Serves the connection's input and further requests, after its remaining output.
  /// @return true if the connection continues, idle; false if it ends.
  awaitable<bool> run();

  void drain();
  void hurry();

  static awaitable<bool> run_for(session& whole, std::unique_ptr<exchange> requests);

 private:
  awaitable<bool> flush(std::string_view tail = {});
  awaitable<bool> receive();

  session& whole_;
  connection& connection_;
  session_context& context_;
  peer_address const& peer_;
  std::unique_ptr<exchange> requests_;
  client_link client_;
  // The arrival time of the first byte of an incomplete header or body.
  std::optional<connection::clock::time_point> begun_at_;
  bool body_has_begun_ = false;
  bool lingers_ = false;
  std::uint64_t answered_ = 0;
};

awaitable<bool> session::work::run_for(session& whole, std::unique_ptr<exchange> requests) {
  work here(whole, std::move(requests));
  co_return co_await here.run();
}

awaitable<bool> session::work::run() {
  auto& input = connection_.input();
  std::size_t turn_bytes = 0;
  auto now = connection::clock::now();
  for (;;) {
    auto rest = input.view();
    auto const output_before = connection_.output().size();
    auto const step = requests_->serve(rest, connection_.output(), peer_, now);
    auto const used = input.size() - rest.size();
    input.consume(used);
    connection_.count_in(context_.buffers);
    // The fields are already in the output.
    if (requests_->has_withheld()) whole_.keep_withheld(requests_->take_withheld(), connection_.output().size());
    turn_bytes += used + connection_.output().size() - output_before + requests_->tail().size();
    auto goes_on = true;
    switch (step) {
      case exchange::step::answered:
        ++answered_;
        begun_at_.reset();
        if (connection_.output().size() >= gathered_bytes_max) goes_on = co_await flush();
        break;
      case exchange::step::room:
        goes_on = co_await flush(requests_->tail());
        if (goes_on) requests_->sent();
        break;
      case exchange::step::more_bytes:
        goes_on = co_await flush();
        if (!goes_on) break;
        if (requests_->is_between_requests() && input.empty() && !connection_.has_unread()) {
          context_.return_exchange(std::move(requests_));
          co_return true;
        }
        connection_.count_in(context_.budget_for(*requests_));
        goes_on = co_await receive();
        now = connection::clock::now();
        break;
      case exchange::step::time:
        // Earlier answers must not wait for this one.
        goes_on = co_await flush();
        if (!goes_on) break;
        connection_.count_in(context_.budget_for(*requests_));
        if (input.empty()) input.release();
        // The exchange has counted what is read ahead of a request that waits; more has already arrived.
        if (connection_.count_buffers(context_.settings.header_bytes_max)) {
          goes_on = co_await requests_->run(client_);
        } else {
          requests_->run_out_of_memory();
        }
        now = connection::clock::now();
        break;
      case exchange::step::end:
        goes_on = co_await flush(requests_->tail());
        if (!goes_on) co_return false;
        lingers_ = true;
        co_await connection_.linger(context_.draining ? linger_time_draining : linger_time);
        co_return false;
    }
    if (!goes_on) co_return false;
    // A client whose requests can all be answered at once, and that reads all answers at once, must not keep the
    // thread.
    if (turn_bytes < turn_bytes_max) continue;
    turn_bytes = 0;
    if (input.empty()) input.release();
    // A request that has run is answered; one that has only begun to arrive is refused.
    if (!connection_.count_buffers() &&
        (requests_->is_in_body() || (requests_->is_between_requests() && !input.empty())))
      requests_->run_out_of_memory();
    co_await asio::post(context_.loop.get_executor(), asio::use_awaitable_t<executor_type>{});
  }
}

awaitable<bool> session::work::flush(std::string_view tail) {
  if (whole_.withheld_) {
    auto const needs = whole_.withheld_->needed;
    connection_.count_kept_buffers();  // what the answers are about has been done
    auto const is_durable = co_await context_.gate.wait(needs);
    if (!is_durable) co_return false;
    whole_.fill_in_withheld();
  }
  auto sent = connection_.try_flush(tail);
  if (!sent) sent = co_await connection_.flush(tail);
  co_return *sent == io_result::done;
}

/// Waits for more of an incomplete message. @return true if the connection continues.
awaitable<bool> session::work::receive() {
  auto const in_body = requests_->is_in_body();
  if (!begun_at_ || in_body != body_has_begun_) begun_at_ = connection::clock::now();
  body_has_begun_ = in_body;
  auto const due = in_body ? connection_.transfer_due(*begun_at_, requests_->body_bytes())
                           : *begun_at_ + context_.settings.header_timeout;
  auto const received = co_await connection_.fill(due, in_body ? body_read_bytes : header_read_bytes);
  if (received == io_result::timed_out) {
    requests_->time_out();
    co_return true;
  }
  if (received == io_result::no_memory) {
    requests_->run_out_of_memory();
    co_return true;
  }
  co_return received == io_result::done;
}

void session::work::drain() {
  // Either may end the work, and with it this object.
  if (lingers_) {
    connection_.interrupt();
  } else {
    client_.drain();
  }
}

void session::work::hurry() {
  if (!client_.hurry()) connection_.close();
}

void session::begin_work(std::unique_ptr<exchange> requests, std::string_view unserved, std::string_view unsent) {
  connection_.work();
  if (withheld_) withheld_->unlink();  // flush() waits for it
  connection_.input().append(unserved);
  connection_.output().append(unsent);
  connection_.count_in(unsent.empty() ? context_.budget_for(*requests) : context_.buffers);
  // A coroutine that ends in its first step keeps the session until a later turn, so many could be kept meanwhile. One
  // that needs little can still answer 503.
  if (withheld_) {
    connection_.count_kept_buffers();
  } else if (!connection_.count_buffers(context_.settings.header_bytes_max)) {
    requests->break_off(0);
    return end("no memory left");
  }
  at_work_ = true;
  spawn(work::run_for(*this, std::move(requests)));
}

void session::spawn(awaitable<bool> task) {
  asio::co_spawn(context_.loop.get_executor(), std::move(task),
                 [this](std::exception_ptr const& error, bool goes_on) { on_work_end(error, goes_on); });
}

void session::on_work_end(std::exception_ptr const& error, bool goes_on) {
  at_work_ = false;
  if (!error) {
    if (!goes_on) return end("closed");
    if (hand_over()) return;
    return rest(connection::clock::now());
  }
  try {
    std::rethrow_exception(error);
  } catch (std::exception const& exception) {
    fail(exception);
  }
}

void session::drain() {
  // Withheld answers are sent first.
  if (!at_work_ && withheld_) return;
  if (at_work_) {
    if (work_ != nullptr) work_->drain();
    return;
  }
  if (hand_over()) return;
  // A client that has just connected, or that sends one request after another, would lose the one that crosses the
  // close.
  auto const now = connection::clock::now();
  if (now - rests_since_ > busy_time) return end_unless_asked("draining");
  rest(now);
}

void session::hurry() {
  if (!at_work_) return end_unless_asked("draining");
  if (work_ != nullptr) work_->hurry();
}

void session::abort() {
  if (!at_work_) return end("aborted");
  connection_.close();
}

}  // namespace holdfast::server
