#include "server/responder.hpp"

#include "protocol/json.hpp"

namespace holdfast::server {

using namespace protocol;

result<responder::parsed_request> responder::read_head(std::string_view block) {
  auto const parsed = parser_.parse_head(block);
  if (!parsed) return parsed.error();
  return understand(**parsed);
}

responder::parsed_request::parsed_request(request_head const& head, route_settings const& settings,
                                          nanoseconds read_hold, bool draining)
    : framing{.head_only = head.method == method::head, .close = !head.keep_alive || draining, .http11 = head.http11},
      continue_expected(head.expects_continue && head.http11),
      method(head.method),
      routed(server::route(head, settings, read_hold, draining)) {}

responder::parsed_request responder::understand(request_head const& head) const {
  auto const draining = context_.draining.load(std::memory_order_relaxed);
  parsed_request request(head, context_.settings.routes, context_.live.read_hold(), draining);
  if (insight_is_built && !std::holds_alternative<kv_request>(request.routed))
    request.route = route_kind_of(head.target);
  // A body that nobody reads would be taken for the next request.
  if (std::holds_alternative<reply>(request.routed) && !is_read()) request.framing.close = true;
  return request;
}

std::optional<reply> responder::take_value(put_operation& put, std::string&& body) {
  if (auto const valid = check_json(body); !valid) return reply_to(valid.error());
  // A body that came in pieces has grown by doubling; a value stays for long.
  if (body.capacity() > body.size() + body.size() / 4) body.shrink_to_fit();
  put.value = std::make_shared<std::string const>(std::move(body));
  return std::nullopt;
}

reply responder::answer(kv_request const& request, execution&& done) const {
  auto answer = done.outcome
                    ? reply_to(request.operation, *std::move(done.outcome), context_.start, request.if_none_match)
                    : reply_to(done.outcome.error());
  answer.timing = done.timing;
  if (done.id != 0) answer.request = request_id{context_.start, done.id};
  return answer;
}

void responder::answer(reading const& done, byte_buffer& output) const {
  auto const content = done.content();
  auto* const room = output.prepare(plain_head_bytes_max + content.size()).data();
  auto const* const end =
      write_value_answer(room, {context_.start, done.revision}, done.timing, {context_.start, done.id}, content);
  output.commit(static_cast<std::size_t>(end - room));
}

}  // namespace holdfast::server
