#include "server/api/idempotency.hpp"

#include <algorithm>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <utility>

namespace holdfast::server {

using namespace protocol;

namespace {

constexpr std::size_t key_bytes_max = 255;

/// Appends a part with its length, so that different parts can't produce the same text.
void add_part(std::string& to, std::string_view part) {
  ((to += std::to_string(part.size())) += ':') += part;
}

}  // namespace

result<std::optional<idempotency_claim>> read_idempotency(request_head const& head) {
  if (!head.idempotency_key) return std::optional<idempotency_claim>();
  if (head.has_two_idempotency_keys)
    return failure{errc::invalid_idempotency_key, "there are two Idempotency-Key fields; send one"};
  std::string_view key = *head.idempotency_key;
  // The draft of the field requires a quoted string; a key without quotes is accepted, too.
  if (key.size() >= 2 && key.front() == '"' && key.back() == '"') key = key.substr(1, key.size() - 2);
  auto const is_visible = [](char c) { return c > ' ' && c < 0x7F && c != '"'; };
  if (key.empty() || key.size() > key_bytes_max || !std::all_of(key.begin(), key.end(), is_visible))
    return failure{errc::invalid_idempotency_key,
                   "the key has 1 to 255 visible ASCII characters, such as Idempotency-Key: \"8e03978e-40d5\""};
  idempotency_claim claim{std::string(key), {}};
  add_part(claim.said, head.method_text);
  add_part(claim.said, head.target);
  add_part(claim.said, head.content_type);
  for (auto const* const condition : {&head.if_match, &head.if_none_match}) {
    auto const is_empty = *condition && (*condition)->empty();  // not the same as none
    add_part(claim.said, is_empty ? "," : condition->value_or(std::string()));
  }
  add_part(claim.said, head.prefers_representation ? "representation" : "");
  if (head.lock) add_part(claim.said, *head.lock);
  return std::optional(std::move(claim));
}

void make_idempotent(data_request& request, idempotency_claim&& claim, std::string_view body) {
  add_part(claim.said, body);
  auto const name = boost::uuids::name_generator_sha1(boost::uuids::ns::oid())(claim.said);
  idempotent_operation one{std::move(claim.key), {}, std::move(request.operation), request.wants_representation};
  std::copy(name.begin(), name.end(), one.fingerprint.begin());
  request.operation = std::make_shared<idempotent_operation const>(std::move(one));
}

}  // namespace holdfast::server
