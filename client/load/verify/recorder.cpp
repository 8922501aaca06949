#include "client/load/verify/recorder.hpp"

#include <algorithm>
#include <limits>

#include "protocol/entity_tag.hpp"

namespace holdfast::client::verify {
namespace {

using outcome = recorded_request::outcome;

instant instant_of(load::time_point when) {
  return std::chrono::nanoseconds(when.time_since_epoch()).count();
}

std::uint32_t microseconds(std::chrono::nanoseconds duration) {
  auto const us = duration.count() / 1000;
  return static_cast<std::uint32_t>(std::min<std::int64_t>(us, std::numeric_limits<std::uint32_t>::max()));
}

/// Our problem documents say that nothing was changed; a bare error, as from a proxy, says nothing.
bool is_refusal(answer_message const& answer) {
  auto const changed_nothing = answer.status < 500 || answer.status == 501 || answer.status == 503;
  return answer.status >= 400 && changed_nothing && answer.content == content_kind::problem_json;
}

}  // namespace

std::optional<operation> recorded_request::on_its_key() const {
  operation seen{
      .what = action::read, .value = value, .invoked = invoked, .responded = responded, .connection = connection};
  auto const is_known = known == outcome::answered;
  if (!is_known) seen.responded = never;
  switch (kind) {
    case load::operation_kind::get:
      if (!is_known) return std::nullopt;
      return seen;
    case load::operation_kind::put:
      if (known == outcome::refused) return std::nullopt;
      seen.what = !is_known ? action::write : was_present ? action::replace : action::create;
      return seen;
    case load::operation_kind::del:
      break;
  }
  if (known == outcome::refused) return std::nullopt;
  seen.value = absent;
  seen.what = !is_known ? action::erase : was_present ? action::remove : action::read;
  return seen;
}

std::optional<lock_use> recorded_request::of_lock() const {
  if (known != outcome::answered || (!has_timing && revision == 0)) return std::nullopt;
  constexpr instant us = 1000;
  return lock_use{.invoked = invoked,
                  .responded = responded,
                  .wait = has_timing ? wait_us * us : -1,
                  .hold = has_timing ? hold_us * us : -1,
                  .revision = revision,
                  .is_put = kind == load::operation_kind::put};
}

std::uint64_t recorder::ask(load::planned_request const& what, std::uint32_t connection, load::time_point now) {
  if (count_ % chunk == 0) chunks_.push_back(std::make_unique<recorded_request[]>(chunk));
  auto& asked = chunks_.back()[count_ % chunk];
  asked.kind = what.operation;
  asked.key = what.key;
  asked.connection = connection & 0xFF'FFFF;
  asked.invoked = instant_of(now);
  if (what.operation == load::operation_kind::put) asked.value = what.value;
  return count_++;
}

void recorder::answer(std::uint64_t number, answer_message const& answer, bool is_value, load::time_point now) {
  auto& asked = chunks_[number / chunk][number % chunk];
  asked.responded = instant_of(now);
  auto const is = [&](load::operation_kind operation, unsigned status) {
    return asked.kind == operation && answer.status == status;
  };
  using load::operation_kind;
  if (is(operation_kind::get, 200)) {
    auto const read = load::parse_value(answer.body);
    // The value of another key is known by its number; one with our key's and the wrong length is nobody's.
    asked.value = read && (is_value || read->key != asked.key) ? read->value : no_value_of_ours;
  } else if (is(operation_kind::put, 204) || is(operation_kind::del, 204)) {
    asked.was_present = true;
  } else if (!is(operation_kind::put, 201) && !is(operation_kind::get, 404) && !is(operation_kind::del, 404)) {
    if (is_refusal(answer)) asked.known = outcome::refused;
    return;
  }
  asked.known = outcome::answered;
  asked.revision = revision_of(answer.etag);
  if (!answer.timing) return;
  asked.has_timing = true;
  asked.wait_us = microseconds(answer.timing->wait);
  asked.hold_us = microseconds(answer.timing->hold);
}

std::uint64_t recorder::revision_of(std::string_view etag) {
  auto const tag = protocol::parse_entity_tag(etag);
  if (!tag) return 0;
  // Revisions of different lives of a server have nothing to do with each other.
  if (!server_start_) server_start_ = tag->start;
  return *server_start_ == tag->start ? tag->revision : 0;
}

}  // namespace holdfast::client::verify
