#include "server/forward/forwarder.hpp"

#include <algorithm>
#include <boost/asio/cancellation_type.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/duration.hpp"
#include "server/forward/answer_head.hpp"
#include "server/forward/field_lines.hpp"
#include "server/forward/forwarded_client.hpp"
#include "server/forward/upstream_pool.hpp"
#include "server/http/chunked_body.hpp"
#include "server/http/client_link.hpp"
#include "server/log/log.hpp"

namespace holdfast::server {
namespace {

using protocol::errc;
using protocol::failure;

constexpr std::size_t read_bytes = 16 * 1024;
constexpr std::size_t answer_head_bytes_max = 64 * 1024;
/// Up to this size, the body of a refused request is read, so that its connection stays usable.
constexpr std::size_t skipped_body_bytes_max = 64 * 1024;
constexpr std::size_t bytes_kept_max = 16 * 1024;
/// How often a read is sent at most.
constexpr int attempts_max = 2;

/// The outcome of a request on one connection to the leader.
enum class passing {
  complete,    ///< the client has the response; the connection is reusable
  sent,        ///< the client has the response
  refused,     ///< the response to the client is in `answer`
  gone,        ///< the client has disconnected
  cut,         ///< the client has part of the response
  unanswered,  ///< the connection ended before the response began
};

/// The end of a wait for the leader.
enum class news {
  bytes,
  end,  ///< the leader closed the connection
  client_gone,
  stop,  ///< this server is draining
};

bool is_safe(method one) {
  return one == method::get || one == method::head || one == method::options;
}

/// Watches the client of a connection that keeps a named lock. The leader sends a line in each third of the lease, and
/// only sees that this server takes it; a client that takes nothing may have disappeared silently, and its lock must
/// not be kept.
class lock_keeper {
 public:
  /// Call for each piece before it is sent. @return true if the client has taken nothing for a lease.
  bool is_silent(client_link const& client, std::string_view piece) {
    constexpr std::string_view name = "\"lease\":\"";
    if (auto const at = piece.rfind(name); at != std::string_view::npos) {
      auto const text = piece.substr(at + name.size());
      if (auto const lease = protocol::parse_duration(text.substr(0, text.find('"')))) lease_ = *lease;
    }
    auto const now = connection::clock::now();
    auto const taken = client.taken_bytes();
    if (client.has_taken_all() || taken > taken_) {
      taken_ = taken;
      taken_at_ = now;
    }
    return now - taken_at_ >= lease_;
  }

 private:
  std::chrono::nanoseconds lease_ = std::chrono::nanoseconds::max();
  std::uint64_t taken_ = 0;
  connection::clock::time_point taken_at_ = connection::clock::now();
};

class forwarder final : public request_handler {
 public:
  forwarder(std::unique_ptr<request_handler> local, bool (*is_local)(request_head const&), upstream_pool& pool)
      : local_(std::move(local)), is_local_(is_local), pool_(pool) {}

  request_need begin(request_head const& head, peer_address const& client, reply& answer) override;
  [[nodiscard]] std::size_t body_bytes_max() const override { return local_->body_bytes_max(); }
  request_need finish(std::string&& body, reply& answer) override { return local_->finish(std::move(body), answer); }
  awaitable<request_end> run(client_link& client, reply& answer) override;
  void count(answered_request const& done) override;

 private:
  void write_request(request_head const& head, peer_address const& client);
  void refuse(std::string_view why, reply& answer);
  awaitable<request_end> refuse_with_body(client_link& client, reply& answer, std::string_view why);
  awaitable<request_end> forward(client_link& client, reply& answer);
  awaitable<std::optional<request_end>> share(client_link& client, reply& answer);
  awaitable<passing> pass(upstream& to, client_link& client, reply& answer);
  awaitable<passing> pass_body(upstream& to, client_link& client, reply& answer);
  awaitable<passing> pass_answer(upstream& from, client_link& client, reply& answer);
  awaitable<passing> pass_content(upstream& from, client_link& client, std::uint64_t bytes);
  awaitable<passing> pass_chunks(upstream& from, client_link& client, bool is_endless);
  void append_piece(connection& link, bool is_last);

  std::unique_ptr<request_handler> const local_;
  bool (*const is_local_)(request_head const&);
  upstream_pool& pool_;

  // State of the current request.
  bool is_forwarding_ = false;
  bool has_body_ = false, is_chunked_ = false, is_safe_ = false, was_forwarded_ = false;
  // Of a value, without parameters: it neither holds nor waits, except for the lock, as all others of its kind do.
  bool is_plain_read_ = false;
  bool keeps_lock_ = false;  ///< the connection holds a named lock, or waits for it
  bool is_body_sent_ = false;
  std::string request_;  // the header for the leader
  std::string piece_;    // of the request's body or the response's
  client_link::body_piece piece_is_ = client_link::body_piece::end;
  std::string head_;  // the response's header for the client
};

// --- the request ---------------------------------------------------------------------------------------------------

request_need forwarder::begin(request_head const& head, peer_address const& client, reply& answer) {
  is_forwarding_ = !is_local_(head);
  if (!is_forwarding_) return local_->begin(head, client, answer);
  write_request(head, client);
  if (head.has_body) return request_need::stream;
  if (pool_.leaders().is_known() && !was_forwarded_) return request_need::time;
  refuse(no_leader_known(pool_.leaders().is_cut_off()), answer);
  return request_need::nothing;
}

void forwarder::write_request(request_head const& head, peer_address const& client) {
  request_.clear();
  ((((request_ += head.method_text) += ' ') += head.target) += " HTTP/1.1\r\n");
  auto const fields = append_end_to_end(request_, head.field_lines);
  has_body_ = head.has_body;
  is_chunked_ = fields.is_chunked;
  was_forwarded_ = fields.is_forwarded;
  is_safe_ = is_safe(head.method) && !has_body_;
  is_plain_read_ = (head.method == method::get || head.method == method::head) && !has_body_ &&
                   head.target.starts_with("/v1/kv/") && head.target.find_first_of("?#") == std::string_view::npos &&
                   !head.has_other_expectation;
  keeps_lock_ = head.method == method::post && head.target.starts_with("/v1/locks/") &&
                head.target.find("keep=connection") != std::string_view::npos;
  if (is_chunked_) request_ += "Transfer-Encoding: chunked\r\n";
  if (!fields.has_host) request_ += "Host: leader\r\n";  // HTTP/1.0 may have none
  if (auto const* const secret = pool_.settings().secret) append_forwarded_client(request_, *secret, client);
  ((request_ += "Holdfast-Forwarded-By: ") += pool_.settings().advertise) += "\r\n\r\n";
}

void forwarder::refuse(std::string_view why, reply& answer) {
  pool_.figures().no_leader.fetch_add(1, std::memory_order_relaxed);
  if (was_forwarded_) why = "another server forwarded this request here, but this server is not the leader; retry";
  answer = reply_to(failure{errc::no_leader, std::string(why)});
}

awaitable<request_end> forwarder::run(client_link& client, reply& answer) {
  if (is_forwarding_) return forward(client, answer);
  return local_->run(client, answer);
}

awaitable<request_end> forwarder::forward(client_link& client, reply& answer) {
  piece_.clear();
  piece_is_ = client_link::body_piece::end;
  if (has_body_) {
    // Read before connecting: most bodies are a single piece that arrived with the header. If the connection fails, the
    // client's connection then stays usable.
    piece_is_ = co_await client.read_body(piece_);
    if (piece_is_ == client_link::body_piece::gone) co_return request_end::gone;
    if (piece_is_ == client_link::body_piece::failed) {
      answer = reply_to(client.body_failure());
      co_return request_end::answered;
    }
  }
  if (was_forwarded_) co_return co_await refuse_with_body(client, answer, {});
  auto attempts = 1;
  if (is_plain_read_ && pool_.reads().is_open()) {
    auto const shared = co_await share(client, answer);
    if (shared) co_return *shared;
    ++attempts;
  }
  for (;; ++attempts) {
    auto link = attempts == 1 ? pool_.take_kept() : nullptr;
    if (!link) {
      auto connected = co_await pool_.connect();
      if (!connected) {
        auto const why = connected.error().detail;
        co_return co_await refuse_with_body(client, answer, why);
      }
      link = *std::move(connected);
    }
    auto const became = co_await pass(*link, client, answer);
    switch (became) {
      case passing::complete:
        pool_.give_back(std::move(link));
        co_return request_end::sent;
      case passing::sent:
        co_return request_end::sent;
      case passing::refused:
        co_return request_end::answered;
      case passing::gone:
        co_return request_end::gone;
      case passing::cut:
      case passing::unanswered:
        break;
    }
    if (became == passing::unanswered && is_safe_ && attempts < attempts_max) continue;
    if (became == passing::unanswered && is_safe_) {
      refuse("the leader of the cluster stopped before it answered. Retry", answer);
      co_return request_end::answered;
    }
    pool_.figures().unanswered.fetch_add(1, std::memory_order_relaxed);
    log_debug("forwarded request unanswered", {{"leader", link->leader().url}});
    co_return request_end::gone;
  }
}

/// A read on the shared connection.
class shared_read final : public read_channel::call {
 public:
  shared_read(upstream_pool& pool, std::string_view request, client_link& client, reply& answer) noexcept
      : call(pool.reads(), request, client.wants_head_only()), pool_(pool), client_(client), answer_(answer) {}

 private:
  void on_answer(answer_head const& head, std::string_view fields, std::string_view content) override {
    answer_.status = head.status;
    pool_.figures().forwarded.fetch_add(1, std::memory_order_relaxed);
    client_.begin_as_is(fields, true);
    client_.add_as_is(content);
  }

  upstream_pool& pool_;
  client_link& client_;
  reply& answer_;
};

/// Sends a plain read on the shared connection. @return empty if it needs its own connection.
awaitable<std::optional<request_end>> forwarder::share(client_link& client, reply& answer) {
  shared_read one(pool_, request_, client, answer);
  auto became = read_channel::result::again;
  auto why = stop_reason::none;
  {
    client_link::waiting here(client);
    interruption::phase_scope const phase(here.stop(), lock_phase::holding);
    phase.slot().assign([&one](asio::cancellation_type) { one.abandon(); });
    became = co_await one.run();
    why = here.stop().why();
  }
  if (became == read_channel::result::answered) {
    auto const is_there = co_await client.send_head();
    co_return is_there ? request_end::sent : request_end::gone;
  }
  if (why == stop_reason::hang_up) co_return request_end::gone;
  if (became == read_channel::result::again) co_return std::nullopt;
  answer = reply_to(failure{errc::draining, "the server is shutting down; use another one"});
  co_return request_end::answered;
}

/// Reads the rest of a short body, so that the connection stays usable, and refuses the request.
awaitable<request_end> forwarder::refuse_with_body(client_link& client, reply& answer, std::string_view why) {
  while (piece_is_ == client_link::body_piece::more && piece_.size() < skipped_body_bytes_max)
    piece_is_ = co_await client.read_body(piece_);
  if (piece_is_ == client_link::body_piece::gone) co_return request_end::gone;
  refuse(why, answer);
  co_return request_end::answered;
}

void forwarder::count(answered_request const& done) {
  if (std::exchange(is_forwarding_, false)) {
    for (auto* const one : {&request_, &piece_, &head_})
      if (one->capacity() > bytes_kept_max) std::string().swap(*one);
    return;
  }
  local_->count(done);
}

awaitable<passing> forwarder::pass(upstream& to, client_link& client, reply& answer) {
  to.link().output().append(request_);
  auto const became = co_await pass_body(to, client, answer);
  if (became != passing::complete) co_return became;
  co_return co_await pass_answer(to, client, answer);
}

/// Reads what the leader has sent before the end of the body. @return true for an answer or the end of the stream.
bool has_early_answer(connection& link) {
  auto const early = link.read_some(link.input().prepare(read_bytes));
  if (early) link.input().commit(*early);
  return early.has_value();
}

void forwarder::append_piece(connection& link, bool is_last) {
  auto& output = link.output();
  if (!is_chunked_) return output.append(piece_);
  if (!piece_.empty()) append_chunk(output, piece_);
  if (is_last) append_chunk(output, {});
}

/// While it exists, bytes from the leader end the wait for more of the client's body.
class early_answer_watch final : public upstream::receiver {
 public:
  early_answer_watch(upstream& from, client_link& client) : from_(from), client_(client) {
    from_.give_bytes_to(this);
    from_.link().rest(connection::clock::time_point::max());
  }
  ~early_answer_watch() {
    from_.give_bytes_to(nullptr);
    from_.link().work();
  }
  early_answer_watch(early_answer_watch const&) = delete;
  early_answer_watch& operator=(early_answer_watch const&) = delete;

 private:
  void on_bytes() override {
    from_.link().work();
    client_.interrupt_body();
  }

  upstream& from_;
  client_link& client_;
};

/// Sends header and body. @return complete if a response can be expected.
awaitable<passing> forwarder::pass_body(upstream& to, client_link& client, reply& answer) {
  using body_piece = client_link::body_piece;
  auto& link = to.link();
  is_body_sent_ = false;
  for (;;) {
    auto const is_last = piece_is_ == body_piece::end;
    if (has_body_) append_piece(link, is_last);
    auto sent = link.try_flush();
    if (!sent) sent = co_await link.flush();
    is_body_sent_ = is_last;
    // If the leader stopped reading, its response may already be here.
    if (is_last || *sent != io_result::done) co_return passing::complete;
    if (has_early_answer(link)) co_return passing::complete;
    piece_.clear();
    {
      early_answer_watch const watch(to, client);
      piece_is_ = co_await client.read_body(piece_);
    }
    if (piece_is_ == body_piece::gone) co_return passing::gone;
    if (piece_is_ == body_piece::failed) {
      if (has_early_answer(link)) co_return passing::complete;
      // The leader discards the incomplete request.
      answer = reply_to(client.body_failure());
      co_return passing::refused;
    }
  }
}

// --- the response --------------------------------------------------------------------------------------------------

/// Waits for more bytes from the leader, or until the client disconnects.
/// @param while_what waiting: a drain also ends the wait; holding: only the end of the drain time does.
awaitable<news> hear(upstream& from, client_link& client, lock_phase while_what) {
  auto& link = from.link();
  client_link::waiting here(client);
  auto& stop = here.stop();
  if (stop.why() == stop_reason::drain && while_what == lock_phase::waiting) co_return news::stop;
  interruption::phase_scope const phase(stop, while_what);
  phase.slot().assign([&link](asio::cancellation_type) { link.interrupt(); });
  if (stop.why() == stop_reason::hang_up) co_return news::client_gone;
  auto const received = co_await link.fill(connection::clock::time_point::max(), read_bytes);
  if (stop.why() == stop_reason::hang_up) co_return news::client_gone;
  if (received == io_result::done) co_return news::bytes;
  co_return received == io_result::interrupted ? news::stop : news::end;
}

awaitable<passing> forwarder::pass_answer(upstream& from, client_link& client, reply& answer) {
  auto& input = from.link().input();
  answer_head head;
  for (;;) {
    constexpr std::string_view empty_line = "\r\n\r\n";
    auto const end = input.view().find(empty_line);
    if (end == std::string_view::npos) {
      if (input.size() > answer_head_bytes_max) co_return passing::unanswered;
      auto const heard = co_await hear(from, client, lock_phase::holding);
      if (heard == news::client_gone) co_return passing::gone;
      if (heard == news::bytes) continue;
      if (heard == news::end || !is_safe_) co_return passing::unanswered;
      answer = reply_to(failure{errc::draining, "the server is shutting down; use another one"});
      co_return passing::refused;
    }
    head_.clear();
    auto const block = input.view().substr(0, end + empty_line.size());
    auto const read = read_answer_head(block, head_);
    if (!read) co_return passing::unanswered;
    input.consume(block.size());
    if (read->status < 200) continue;  // an interim response
    head = *read;
    break;
  }
  answer.status = head.status;
  pool_.figures().forwarded.fetch_add(1, std::memory_order_relaxed);
  ((head_ += "Holdfast-Served-By: ") += from.leader().url) += "\r\n";
  auto const has_content = !client.wants_head_only() && head.status != 204 && head.status != 304;
  client.begin_as_is(head_, !has_content || head.content_bytes.has_value());
  auto became = passing::complete;
  if (!has_content) {
    auto const is_there = co_await client.send_head();
    became = is_there ? passing::complete : passing::gone;
  } else if (head.content_bytes) {
    became = co_await pass_content(from, client, *head.content_bytes);
  } else {
    became = co_await pass_chunks(from, client, head.closes);
  }
  if (became != passing::complete) co_return became;
  co_return is_body_sent_ && !head.closes && input.empty() ? passing::complete : passing::sent;
}

awaitable<passing> forwarder::pass_content(upstream& from, client_link& client, std::uint64_t bytes) {
  auto& input = from.link().input();
  for (;;) {
    auto const piece = input.view().substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes, input.size())));
    auto const is_there = co_await client.send_as_is(piece);
    if (!is_there) co_return passing::gone;
    input.consume(piece.size());
    bytes -= piece.size();
    if (bytes == 0) co_return passing::complete;
    auto const heard = co_await hear(from, client, lock_phase::holding);
    if (heard == news::client_gone) co_return passing::gone;
    if (heard != news::bytes) co_return passing::cut;
  }
}

/// @param is_endless true for a response without an end, such as a watch: a drain ends it.
awaitable<passing> forwarder::pass_chunks(upstream& from, client_link& client, bool is_endless) {
  auto& input = from.link().input();
  chunked_body chunks(std::numeric_limits<std::uint64_t>::max());
  auto is_there = co_await client.send_head();
  lock_keeper keeper;
  for (;;) {
    piece_.clear();
    auto const used = chunks.decode(input.view(), piece_);
    if (!used) co_return passing::cut;
    input.consume(*used);
    if (keeps_lock_ && keeper.is_silent(client, piece_)) co_return passing::gone;
    if (is_there) is_there = co_await client.send(piece_);
    if (is_there && chunks.done()) is_there = co_await client.end();
    if (!is_there) co_return passing::gone;
    if (chunks.done()) co_return passing::complete;
    auto const heard = co_await hear(from, client, is_endless ? lock_phase::waiting : lock_phase::holding);
    if (heard == news::client_gone) co_return passing::gone;
    if (heard == news::bytes) continue;
    if (heard == news::end || !is_endless) co_return passing::cut;
    is_there = co_await client.end();
    co_return is_there ? passing::sent : passing::gone;
  }
}

}  // namespace

std::unique_ptr<request_handler> make_forwarder(std::unique_ptr<request_handler> local,
                                                bool (*is_local)(request_head const&), upstream_pool& pool) {
  return std::make_unique<forwarder>(std::move(local), is_local, pool);
}

}  // namespace holdfast::server
