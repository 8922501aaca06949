#include "server/api/api_handler.hpp"

#include <utility>

#include "server/api/answers.hpp"
#include "server/api/lock.hpp"
#include "server/api/routes.hpp"
#include "server/api/settings.hpp"
#include "server/api/values.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

class api_handler final : public request_handler {
 public:
  api_handler(api_context const& context, lock_recorder& recorder)
      : context_(context), recorder_(recorder), asker_{&recorder, {}, lock_operation::get} {}

  request_need begin(request_head const& head, peer_address const& client, reply& answer) override;
  [[nodiscard]] std::size_t body_bytes_max() const override;
  request_need finish(std::string&& body, reply& answer) override;
  awaitable<request_end> run(client_link& client, reply& answer) override;
  void count(method method, unsigned status, clock::time_point begun_at) override;

 private:
  bool read_at_once(std::string_view key, reply& answer);
  request_need execute_at_once(value_request const& request, reply& answer);
  void add(method method, unsigned status, std::chrono::nanoseconds took);
  void take_outcome(value_request const& request, execution&& done, reply& answer);

  api_context const& context_;
  lock_recorder& recorder_;

  // Of the request being served.
  routed request_;
  route_kind kind_ = route_kind::other;
  server::method method_ = method::unknown;
  bool is_counted_ = false;
  lock_asker asker_;
  clock::time_point answered_at_{};  // where the clock was read then
};

request_need api_handler::begin(request_head const& head, peer_address const& client, reply& answer) {
  asker_.source = client;
  method_ = head.method;
  route_context const context{context_.routes, context_.live.read_hold(),
                              context_.draining.load(std::memory_order_relaxed)};
  if (auto const key = key_of_plain_read(head); !key.empty() && context.read_hold.count() == 0)
    if (read_at_once(key, answer)) return request_need::nothing;
  request_ = route(head, context, kind_);
  if (auto* const ready = std::get_if<reply>(&request_)) {
    answer = std::move(*ready);
    return request_need::nothing;
  }
  if (auto* const value = std::get_if<value_request>(&request_)) {
    if (std::holds_alternative<put_operation>(value->operation)) return request_need::body;
    return execute_at_once(*value, answer);
  }
  if (auto* const lock = std::get_if<lock_request>(&request_)) {
    if (is_streamed(*lock)) return request_need::time;
    answer = answer_to(*lock, context_);
    return request_need::nothing;
  }
  if (std::get<settings_request>(request_).changes) return request_need::body;
  answer = settings_reply(context_);
  return request_need::nothing;
}

/// A shorter way to the same answer, for most of the requests: where it fails it leaves no trace.
bool api_handler::read_at_once(std::string_view key, reply& answer) {
  asker_.operation = lock_operation::get;
  reading done;
  if (!context_.store.try_read(key, asker_, done)) return false;
  kind_ = route_kind::value;
  answered_at_ = done.ended_at;
  answer.content_type = "application/json";
  answer.value = std::move(done.value);
  answer.tag = entity_tag{context_.start, done.revision};
  answer.timing = done.timing;
  if (done.id != 0) answer.request = request_id{context_.start, done.id};
  return true;
}

std::size_t api_handler::body_bytes_max() const {
  return std::holds_alternative<settings_request>(request_) ? settings_bytes_max : std::size_t(-1);
}

request_need api_handler::finish(std::string&& body, reply& answer) {
  if (std::holds_alternative<settings_request>(request_)) {
    answer = change_settings(body, context_);
    return request_need::nothing;
  }
  auto& value = std::get<value_request>(request_);
  if (auto refused = take_value(std::get<put_operation>(value.operation), std::move(body))) {
    answer = *std::move(refused);
    return request_need::nothing;
  }
  return execute_at_once(value, answer);
}

/// Where the lock is free and no hold is wanted.
request_need api_handler::execute_at_once(value_request const& request, reply& answer) {
  asker_.operation = lock_operation_of(request);
  if (request.terms.hold.count() != 0) return request_need::time;
  execution done;
  if (!context_.store.try_execute(request.operation, asker_, done)) return request_need::time;
  take_outcome(request, std::move(done), answer);
  return request_need::nothing;
}

void api_handler::take_outcome(value_request const& request, execution&& done, reply& answer) {
  answered_at_ = done.ended_at;
  make_answer(request, std::move(done), context_.start, answer);
}

awaitable<request_end> api_handler::run(client_link& client, reply& answer) {
  if (auto const* const lock = std::get_if<lock_request>(&request_)) {
    consumer_place const place(context_.insight.consumers);
    if (!place.is_taken()) {
      answer = refuse(errc::overloaded, "as many clients follow the lock as this server allows; retry");
      co_return request_end::answered;
    }
    answer = head_of(*lock);
    client.begin(answer, lock->what == lock_request::kind::events);
    // Now: it may never come to its end.
    add(method_, answer.status, std::chrono::nanoseconds());
    co_return co_await send_stream(*lock, context_, client);
  }
  auto const& value = std::get<value_request>(request_);
  client_link::waiting here(client);
  auto& stop = here.stop();
  auto done = co_await context_.store.execute(value.operation, value.terms, stop, asker_);
  if (stop.why() == stop_reason::hang_up) co_return request_end::gone;
  take_outcome(value, std::move(done), answer);
  co_return request_end::answered;
}

void api_handler::count(method method, unsigned status, clock::time_point begun_at) {
  // The clock was read when the lock was released, a moment ago.
  auto const answered_at = answered_at_ != clock::time_point() ? answered_at_ : clock::now();
  if (!is_counted_) add(method, status, answered_at - begun_at);
  is_counted_ = false;
  kind_ = route_kind::other;
  answered_at_ = {};
  request_.emplace<settings_request>();  // which keeps nothing
}

void api_handler::add(method method, unsigned status, std::chrono::nanoseconds took) {
  if constexpr (insight_is_built) recorder_.requests.add(kind_, method, status, took.count());
  is_counted_ = true;
}

}  // namespace

std::unique_ptr<request_handler> make_api_handler(api_context const& context, lock_recorder& recorder) {
  return std::make_unique<api_handler>(context, recorder);
}

}  // namespace holdfast::server
