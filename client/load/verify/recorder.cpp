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

/// Our problem documents state that nothing was changed; a bare error, for example from a proxy, proves nothing.
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
  if (known == outcome::lost) return std::nullopt;
  switch (kind) {
    case load::operation_kind::list:
    case load::operation_kind::txn:
    case load::operation_kind::incr:
      return std::nullopt;
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

void recorder::add_part(recorded_request& asked, fact const& part) {
  if (asked.parts == 0) asked.part = static_cast<std::uint32_t>(parts_.size());
  parts_.push_back(part);
  ++asked.parts;
}

std::uint64_t recorder::ask(load::planned_request const& what, std::uint32_t connection, load::time_point now) {
  if (count_ % chunk == 0) chunks_.push_back(std::make_unique<recorded_request[]>(chunk));
  auto& asked = chunks_.back()[count_ % chunk];
  asked.kind = what.operation;
  asked.key = what.key;
  asked.connection = connection & 0xFF'FFFF;
  asked.invoked = instant_of(now);
  if (what.operation == load::operation_kind::put) asked.value = what.value;
  auto const is_txn = what.operation == load::operation_kind::txn;
  if (what.on != load::condition::none) {
    add_part(asked, {.what = fact::kind::condition, .key = what.key, .version = what.version});
    if (is_txn && what.other_key != what.key)
      add_part(asked, {.what = fact::kind::condition, .key = what.other_key, .version = what.other_version});
  }
  if (what.operation == load::operation_kind::put ? what.ttl.count() != 0 : is_txn && what.on != load::condition::none)
    add_part(asked, {.what = fact::kind::put, .key = what.key, .value = what.value, .extra = what.ttl.count()});
  if (what.writes_other)
    add_part(asked,
             {.what = fact::kind::put, .key = what.other_key, .value = what.other_value, .extra = what.ttl.count()});
  return count_++;
}

void recorder::answer(std::uint64_t number, answer_message const& answer, bool is_value, load::time_point now) {
  auto& asked = chunks_[number / chunk][number % chunk];
  asked.responded = instant_of(now);
  auto const is = [&](load::operation_kind operation, unsigned status) {
    return asked.kind == operation && answer.status == status;
  };
  using load::operation_kind;
  // A put's tag is that of its own change; an answer without a tag may still state the revision.
  asked.revision = revision_of(answer.etag);
  if (asked.revision == 0) asked.revision = answer.revision.value_or(0);
  if (is(operation_kind::get, 200)) {
    auto const read = load::parse_value(answer.body);
    // The number of a value identifies the value of another key; one of our key with the wrong length is invalid.
    asked.value = read && (is_value || read->key != asked.key) ? read->value : no_value_of_ours;
    asked.revision = revision_of(answer.etag);
  } else if (is(operation_kind::put, 204) || is(operation_kind::del, 204)) {
    asked.was_present = true;
  } else if (is(operation_kind::list, 200)) {
    return take_list(asked, answer);
  } else if (is(operation_kind::txn, 200)) {
    return take_transaction(asked, answer);
  } else if (is(operation_kind::incr, 200) || is(operation_kind::incr, 201)) {
    return take_count(asked, answer);
  } else if ((is(operation_kind::put, 412) || is(operation_kind::txn, 412)) && is_refusal(answer)) {
    return take_condition(asked, answer);
  } else if (!is(operation_kind::put, 201) && !is(operation_kind::get, 404) && !is(operation_kind::del, 404)) {
    asked.revision = 0;
    if (is_refusal(answer)) asked.known = outcome::refused;
    return;
  }
  asked.known = outcome::answered;
  if (!answer.timing) return;
  asked.has_timing = true;
  asked.wait_us = microseconds(answer.timing->wait);
  asked.hold_us = microseconds(answer.timing->hold);
}

/// For a refusal because of a condition: the answer states the revision, and for a single key its current version.
void recorder::take_condition(recorded_request& asked, answer_message const& answer) {
  asked.known = outcome::lost;
  asked.value = revision_of(answer.etag);
  asked.revision = answer.revision.value_or(0);
}

void recorder::take_list(recorded_request& asked, answer_message const& answer) {
  if (!load::read_list(answer.body, prefix_, shown_)) return;
  asked.known = outcome::answered;
  asked.revision = shown_.revision;
  asked.to_the_end = shown_.to_the_end;
  asked.parts = 0;
  for (auto const& one : shown_.keys) {
    if (one.key == no_key) continue;
    add_part(asked, {.what = fact::kind::version,
                     .key = one.key,
                     .at = shown_.revision,
                     .version = one.revision,
                     .value = one.is_ours ? one.value : no_value_of_ours});
  }
}

void recorder::take_transaction(recorded_request& asked, answer_message const& answer) {
  if (!load::read_transaction(answer.body, prefix_, shown_)) return;
  asked.known = outcome::answered;
  asked.revision = shown_.revision;
  std::vector<fact> const before(parts_.begin() + asked.part, parts_.begin() + asked.part + asked.parts);
  asked.parts = 0;
  auto const changes =
      std::ranges::count_if(shown_.keys, [](auto const& one) { return one.what == load::shown_key::part::put; });
  auto const at_first = shown_.revision - static_cast<revision_number>(changes);
  auto now = at_first;
  // All its conditions were met when it took effect.
  for (auto const& one : before) {
    if (one.what != fact::kind::condition) continue;
    add_part(asked, {.what = one.version == 0 ? fact::kind::none : fact::kind::version,
                     .key = one.key,
                     .at = at_first,
                     .version = one.version});
  }
  for (auto const& one : shown_.keys) {
    if (one.key == no_key) continue;
    switch (one.what) {
      case load::shown_key::part::version:
        add_part(
            asked,
            {.key = one.key, .at = now, .version = one.revision, .value = one.is_ours ? one.value : no_value_of_ours});
        break;
      case load::shown_key::part::missing:
        add_part(asked, {.what = fact::kind::none, .key = one.key, .at = now});
        break;
      case load::shown_key::part::removed:
        break;  // transactions of a run contain no deletes
      case load::shown_key::part::put: {
        auto const put = std::ranges::find_if(before, [&](auto const& asked_for) {
          return asked_for.what == fact::kind::put && asked_for.key == one.key;
        });
        add_part(asked, {.what = one.was_present ? fact::kind::some : fact::kind::none, .key = one.key, .at = now});
        ++now;
        if (put == before.end()) break;
        add_part(
            asked,
            {.what = fact::kind::put, .key = one.key, .at = one.revision, .value = put->value, .extra = put->extra});
        break;
      }
    }
  }
}

void recorder::take_count(recorded_request& asked, answer_message const& answer) {
  if (auto const count = load::read_count(answer.body)) {
    asked.known = outcome::answered;
    asked.value = *count;
  }
}

bool recorder::states_revisions() const {
  for (std::uint64_t number = 0; number < count_; ++number) {
    auto const& one = at(number);
    if ((one.known == outcome::answered || one.known == outcome::lost) && one.revision == 0) return false;
  }
  return true;
}

bool recorder::is_of_single_keys() const {
  for (std::uint64_t number = 0; number < count_; ++number) {
    auto const& one = at(number);
    if (one.kind == load::operation_kind::txn) return false;
    for (auto part = one.part; part < one.part + one.parts; ++part) {
      if (parts_[part].what == fact::kind::put && parts_[part].extra != 0) return false;
    }
  }
  return true;
}

void recorder::append_facts(recorded_request const& asked, stated_history& to) const {
  auto const is_known = asked.known == outcome::answered;
  auto const state = [&](fact const& one) { to.facts.push_back(one); };
  auto const before = asked.revision == 0 ? 0 : asked.revision - 1;
  auto const state_before = [&] {
    state({.what = asked.was_present ? fact::kind::some : fact::kind::none, .key = asked.key, .at = before});
  };
  if (asked.known == outcome::lost) {
    if (asked.kind == load::operation_kind::put)
      state({.what = asked.value == 0 ? fact::kind::none : fact::kind::version,
             .key = asked.key,
             .at = asked.revision,
             .version = asked.value});
    for (auto part = asked.part; part < asked.part + asked.parts; ++part) {
      if (parts_[part].what != fact::kind::condition) continue;
      state(parts_[part]);
      to.facts.back().at = asked.revision;
    }
    return;
  }
  switch (asked.kind) {
    case load::operation_kind::get:
      if (!is_known) return;
      // A missing value is absent, which no put writes.
      if (asked.value == absent) return state({.what = fact::kind::none, .key = asked.key, .at = asked.revision});
      return state({.key = asked.key, .version = asked.revision, .value = asked.value});
    case load::operation_kind::put: {
      fact put{.what = fact::kind::put, .key = asked.key, .at = is_known ? asked.revision : 0, .value = asked.value};
      if (is_known) state_before();
      for (auto part = asked.part; part < asked.part + asked.parts; ++part) {
        auto const& one = parts_[part];
        if (one.what == fact::kind::put) put.extra = one.extra;
        if (one.what == fact::kind::condition && is_known)
          state({.what = one.version == 0 ? fact::kind::none : fact::kind::version,
                 .key = one.key,
                 .at = before,
                 .version = one.version});
      }
      return state(put);
    }
    case load::operation_kind::del:
      if (is_known && !asked.was_present)
        return state({.what = fact::kind::none, .key = asked.key, .at = asked.revision});
      if (is_known) state_before();
      return state({.what = fact::kind::remove, .key = asked.key, .at = is_known ? asked.revision : 0});
    case load::operation_kind::incr:
      return state({.what = fact::kind::add,
                    .key = asked.key | counter_keys,
                    .at = is_known ? asked.revision : 0,
                    .value = asked.value,
                    .extra = 1});
    case load::operation_kind::list:
    case load::operation_kind::txn:
      for (auto part = asked.part; part < asked.part + asked.parts; ++part) {
        // Without an answer, only the values that it would have written are known.
        if (is_known || parts_[part].what == fact::kind::put) state(parts_[part]);
      }
      return;
  }
}

void recorder::append_to(stated_history& to) const {
  constexpr deed deeds[load::operation_kinds] = {deed::get,  deed::put,         deed::remove,
                                                 deed::list, deed::transaction, deed::increment};
  for (std::uint64_t number = 0; number < count_; ++number) {
    auto const& one = at(number);
    if (one.known == outcome::refused) continue;
    auto const is_known = one.known != outcome::unknown;
    observation made{.what = deeds[static_cast<std::size_t>(one.kind)],
                     .invoked = one.invoked,
                     .responded = is_known ? one.responded : never,
                     .connection = one.connection};
    made.facts_begin = to.facts.size();
    append_facts(one, to);
    made.facts_end = to.facts.size();
    if (made.facts_begin == made.facts_end && !(is_known && one.kind == load::operation_kind::list)) continue;
    // A get with a value does not state the revision at which it read.
    auto const floats = one.kind == load::operation_kind::get && one.value != absent;
    if (is_known && !floats) made.at = one.revision;
    if (one.kind == load::operation_kind::list) {
      made.after = one.key;
      made.to_the_end = one.to_the_end;
    }
    to.operations.push_back(made);
  }
}

std::uint64_t recorder::revision_of(std::string_view etag) {
  auto const tag = protocol::parse_entity_tag(etag);
  if (!tag) return 0;
  // Revisions of different databases are not comparable.
  if (!database_) database_ = tag->start;
  if (*database_ == tag->start) return tag->revision;
  has_seen_another_ = true;
  return 0;
}

}  // namespace holdfast::client::verify
