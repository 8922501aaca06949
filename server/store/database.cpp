#include "server/store/database.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "server/store/page_maker.hpp"
#include "server/store/step_results.hpp"

namespace holdfast::server {
namespace {

using protocol::errc;

/// Number of expired keys that a page removes on its way; then the page ends.
constexpr std::size_t expired_in_page_max = 1000;

/// The condition that does not hold, if any.
std::optional<data_outcome> unmet(conditions_pointer const& when, database::entry const* present, bool reads) {
  if (!when) return std::nullopt;
  auto const revision = present != nullptr ? present->revision : 0;
  if (auto const& match = when->if_match) {
    auto const holds = present != nullptr && match->names_strongly(revision);
    if (!holds) return condition_failed{revision, false, match->has_weak};
  }
  if (auto const& none = when->if_none_match; none && present != nullptr) {
    if (none->names_weakly(revision)) {
      if (reads) return not_modified{revision, present->expires};
      return condition_failed{revision, none->any, false};
    }
  }
  return std::nullopt;
}

/// Parses a JSON integer with optional white space. One that is out of range becomes the nearest limit. @return nullopt
/// for other text.
std::optional<std::int64_t> integer_of(std::string_view text) {
  constexpr std::string_view white_space = " \t\r\n";
  auto const begin = text.find_first_not_of(white_space);
  if (begin == std::string_view::npos) return std::nullopt;
  text = text.substr(begin, text.find_last_not_of(white_space) + 1 - begin);
  std::int64_t number = 0;
  auto const [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size()) return std::nullopt;
  if (wrong == std::errc::result_out_of_range)
    return text.front() == '-' ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
  return wrong == std::errc() ? std::optional(number) : std::nullopt;
}

}  // namespace

void database::load(std::string_view key, json_text value, std::uint64_t revision, expiry_time expires) {
  bytes_ += bytes_of(key.size(), value->size());
  auto const place =
      entries_.insert_or_assign(entries_.end(), std::string(key), entry{std::move(value), revision, expires});
  if (expires != no_expiry) expiries_.add(expires, place->first);
}

bool database::load_record(keyspace space, std::string_view key, std::string_view bytes, std::uint64_t version,
                           expiry_time expires, moment const& now) {
  if (space == keyspace::locks) return locks_.load(key, bytes, version, now.steady);
  if (space != keyspace::requests) return false;
  auto outcome = decode_outcome(bytes, now);
  if (!outcome) return false;
  answered_.make_place(std::string(key));
  answered_.add(std::make_shared<earlier_outcome const>(*std::move(outcome)), expires - answered_requests::kept_for,
                version);
  return true;
}

void database::keep_in(commit_queue& journal, std::uint64_t sequence, std::uint64_t revision, clock::time_point now) {
  journal_ = &journal;
  sequence_ = sequence;
  revision_ = revision;
  last_removal_ = last_lock_change_ = sequence;
  answered_.sort();
  locks_.begin(now);
}

data_outcome database::apply(data_operation const& operation) {
  return std::visit([this](auto const& one) { return run(one); }, operation);
}

database::entry const* database::find(std::string_view key) {
  auto const found = find_live(key);
  return found != entries_.end() && found->second.value ? &found->second : nullptr;
}

/// The key's place in the tree; its value is null if a transaction has removed it.
database::tree::iterator database::find_live(std::string_view key) {
  auto found = entries_.find(key);
  if (found == entries_.end() || !is_expired(found->second) || !found->second.value) return found;
  json_text removed;
  remove(found, change::kind::expire, removed);
  return entries_.find(key);
}

// --- changes -------------------------------------------------------------------------------------------------------

/// Appends a change to the stream. Strong guarantee. @param before the previous value; null: none.
void database::record(change::kind what, std::string_view key, entry const* before, json_text const& value,
                      expiry_time expires) {
  auto const previous = before != nullptr ? before->revision : 0;
  auto const is_data = what != change::kind::touch;
  auto const sequence = sequence_ + 1, revision = is_data ? revision_ + 1 : previous;
  change one{what, sequence, revision, previous, std::string(key), value, instant_of(expires)};
  if (open_ != nullptr) {
    auto const bytes = pending_bytes_of(one);
    open_->changes.push_back(std::move(one));
    open_->change_bytes += bytes;
  } else if (journal_ != nullptr) {
    journal_->append(std::move(one));
  } else if (changes_ != nullptr) {
    changes_->append(std::move(one));
  }
  sequence_ = sequence;
  if (is_data) revision_ = revision;
  if (what == change::kind::del || what == change::kind::expire) last_removal_ = sequence;
  if (what == change::kind::touch) last_touch_ = touches_[touch_slot(key)] = sequence;
}

/// Appends a record of another keyspace to the journal. Strong guarantee. @param value null: removes it. @param
/// previous version of the record that it replaces or removes; 0: none. @return its version.
std::uint64_t database::keep(keyspace space, std::string_view key, json_text value, std::uint64_t previous,
                             expiry_time expires) {
  change one{.what = value ? change::kind::put : change::kind::del,
             .sequence = sequence_ + 1,
             .revision = revision_,
             .previous = previous,
             .key = std::string(key),
             .value = std::move(value),
             .expires_at = instant_of(expires),
             .space = space};
  if (open_ != nullptr) {
    auto const bytes = pending_bytes_of(one);
    open_->changes.push_back(std::move(one));
    open_->change_bytes += bytes;
  } else if (journal_ != nullptr) {
    journal_->append(std::move(one));
  }
  return ++sequence_;
}

/// Why these bytes can't be added; nothing if they can.
std::optional<no_room> database::lacks(std::uint64_t bytes) {
  if (bytes != 0 && this->bytes() + bytes > bytes_max_) return no_room{};
  if (journal_ == nullptr) return std::nullopt;
  if (!journal_->has_room(now_)) return no_room{no_room::where::disk};
  if (journal_->is_full()) return no_room{no_room::where::journal};
  if (open_ != nullptr && open_->change_bytes > journal_->append_bytes_max()) return no_room{no_room::where::commit};
  return std::nullopt;
}

/// Why the outcome of an idempotent operation can't be kept; nothing if it can.
std::optional<no_room> database::lacks_for_record(std::size_t bytes) const {
  // A deletion with a key must be possible where the disk is nearly full: its record is small.
  constexpr std::size_t small_bytes_max = 16 * 1024;
  if (journal_->is_full()) return no_room{no_room::where::journal};
  if (bytes > small_bytes_max && !journal_->has_room(now_)) return no_room{no_room::where::disk};
  if (open_->change_bytes + bytes > journal_->append_bytes_max()) return no_room{no_room::where::commit};
  return std::nullopt;
}

/// Appends changes of named locks to the stream.
void database::append(std::span<change> changes) {
  auto const sequence = changes.back().sequence, revision = changes.back().revision;
  if (journal_ != nullptr) {
    journal_->append(changes);
  } else if (changes_ != nullptr) {
    changes_->append(changes);
  }
  sequence_ = last_lock_change_ = sequence;
  revision_ = revision;
}

/// Converts to the system clock; nullopt for never.
std::optional<change::instant> database::instant_of(expiry_time expires) const {
  if (expires == no_expiry) return std::nullopt;
  return change::instant::clock::now() + std::chrono::duration_cast<change::instant::duration>(expires - now_);
}

expiry_time database::expiry_of(time_to_live const& ttl, expiry_time present) const noexcept {
  switch (ttl.what) {
    case time_to_live::kind::none:
      return no_expiry;
    case time_to_live::kind::keep:
      return present;
    case time_to_live::kind::set:
      break;
  }
  return ttl.duration < no_expiry - now_ ? now_ + ttl.duration : no_expiry;
}

/// Stores a value under a key. `found` is the key's place in the tree, if it exists.
data_outcome database::store(tree::iterator found, std::string_view key, json_text const& value, expiry_time expires) {
  auto const has_place = found != entries_.end();
  auto const exists = has_place && found->second.value;
  auto const bytes_before = exists ? bytes_of(key.size(), found->second.value->size()) : 0;
  auto const bytes_after = bytes_of(key.size(), value->size());
  if (bytes_after > bytes_before && bytes() - bytes_before + bytes_after > bytes_max_) return no_room{};
  if (auto const full = lacks(0)) return *full;

  // Copies the key before inserting: the tree has already moved elements when it takes the key.
  if (!has_place) found = entries_.try_emplace(std::string(key)).first;
  auto& there = found->second;
  auto const is_new_expiry = expires != no_expiry && expires != there.expires;
  auto is_added = false, is_noted = false;
  try {
    is_added = is_new_expiry && expiries_.add(expires, found->first);
    if (open_ != nullptr) open_->undo.push_back({std::string(key), there, has_place, is_added});
    is_noted = open_ != nullptr;
    record(change::kind::put, key, exists ? &there : nullptr, value, expires);
  } catch (...) {
    if (is_noted) open_->undo.pop_back();
    if (is_added) expiries_.remove(expires, found->first);
    if (!has_place) entries_.erase(found);
    throw;
  }
  if (open_ == nullptr && there.expires != no_expiry && there.expires != expires)
    expiries_.remove(there.expires, found->first);
  bytes_ = bytes_ - bytes_before + bytes_after;
  there.revision = revision_;
  there.expires = expires;
  return value_stored{revision_, !exists, nullptr, std::exchange(there.value, value), expires};
}

/// Removes a key. @return the place after it.
database::tree::iterator database::remove(tree::iterator found, change::kind why, json_text& removed) {
  auto& there = found->second;
  if (open_ != nullptr) open_->undo.push_back({found->first, there});
  try {
    record(why, found->first, &there, nullptr, no_expiry);
  } catch (...) {
    if (open_ != nullptr) open_->undo.pop_back();
    throw;
  }
  bytes_ -= bytes_of(found->first.size(), there.value->size());
  removed = std::move(there.value);
  there.value = nullptr;
  if (open_ != nullptr) {
    there.expires = no_expiry;
    return std::next(found);
  }
  if (there.expires != no_expiry) expiries_.remove(there.expires, found->first);
  return entries_.erase(found);
}

void database::set_expiry(tree::iterator found, expiry_time expires) {
  auto& there = found->second;
  if (there.expires == expires) return;
  auto is_added = false, is_noted = false;
  try {
    is_added = expires != no_expiry && expiries_.add(expires, found->first);
    if (open_ != nullptr) open_->undo.push_back({found->first, there, true, is_added});
    is_noted = open_ != nullptr;
    record(change::kind::touch, found->first, &there, there.value, expires);
  } catch (...) {
    if (is_noted) open_->undo.pop_back();
    if (is_added) expiries_.remove(expires, found->first);
    throw;
  }
  if (open_ == nullptr && there.expires != no_expiry) expiries_.remove(there.expires, found->first);
  there.expires = expires;
}

/// @return the number of removed keys.
std::size_t database::remove_expired(std::size_t most) {
  std::size_t count = 0;
  json_text removed;
  for (; count < most && expiries_.earliest() <= now_; ++count)
    remove(entries_.find(expiries_.earliest_key()), change::kind::expire, removed);
  if (count < most && locks_.earliest() <= now_) count += locks_.remove_expired(most - count, *this);
  return count;
}

/// With the present value, unless the operation supplies it.
data_outcome with_value(data_outcome done, json_text const& value) {
  if (auto* const stored = std::get_if<value_stored>(&done)) stored->value = value;
  return done;
}

// --- one key -------------------------------------------------------------------------------------------------------

data_outcome database::run(get_operation const& get) {
  auto const* const found = find(get.key);
  if (auto failed = unmet(get.when, found, true)) return *std::move(failed);
  if (found == nullptr) return no_such_key{};
  return value_found{found->value, found->revision, found->expires};
}

data_outcome database::run(put_operation const& put) {
  auto const place = find_live(put.key);
  auto const* const present = place != entries_.end() && place->second.value ? &place->second : nullptr;
  if (auto failed = unmet(put.when, present, false)) return *std::move(failed);
  return store(place, put.key, put.value, expiry_of(put.ttl, present != nullptr ? present->expires : no_expiry));
}

data_outcome database::run(delete_operation const& del) {
  auto const place = find_live(del.key);
  auto const* const present = place != entries_.end() && place->second.value ? &place->second : nullptr;
  if (auto failed = unmet(del.when, present, false)) return *std::move(failed);
  if (present == nullptr) return no_such_key{};
  value_deleted deleted;
  remove(place, change::kind::del, deleted.removed);
  deleted.revision = revision_;
  return deleted;
}

data_outcome database::run(touch_operation const& touch) {
  auto const place = find_live(touch.key);
  auto const* const present = place != entries_.end() && place->second.value ? &place->second : nullptr;
  if (auto failed = unmet(touch.when, present, false)) return *std::move(failed);
  if (present == nullptr) return no_such_key{};
  if (journal_ != nullptr && journal_->is_full()) return no_room{no_room::where::journal};
  set_expiry(place, expiry_of(touch.ttl, present->expires));
  return value_touched{present->value, present->revision, present->expires};
}

data_outcome database::run(increment_operation const& increment) {
  auto const place = find_live(increment.key);
  auto const* const present = place != entries_.end() && place->second.value ? &place->second : nullptr;
  if (auto failed = unmet(increment.when, present, false)) return *std::move(failed);
  auto const before = present != nullptr ? integer_of(*present->value) : std::optional(increment.initial);
  if (!before) return value_refused{errc::not_an_integer, "the value is not an integer; nothing was changed"};
  auto const is_exact = [](std::int64_t number) { return number >= -exact_integer_max && number <= exact_integer_max; };
  if (!is_exact(*before) || !is_exact(increment.by))
    return value_refused{errc::out_of_range,
                         "the value is beyond ±(2^53-1), the integers that every reader of JSON has; "
                         "nothing was changed"};
  auto const after = *before + increment.by;
  if (!is_exact(after) || after < increment.min || after > increment.max)
    return value_refused{errc::out_of_range, "the new number would be " + std::to_string(after) +
                                                 ", which is not within " + std::to_string(increment.min) + " and " +
                                                 std::to_string(increment.max) + "; nothing was changed"};
  auto const expires = present != nullptr ? present->expires : expiry_of(increment.ttl, no_expiry);
  auto const value = std::make_shared<std::string const>(std::to_string(after));
  return with_value(store(place, increment.key, value, expires), value);
}

data_outcome database::run(patch_operation const& patch) {
  auto const place = find_live(patch.key);
  auto const* const present = place != entries_.end() && place->second.value ? &place->second : nullptr;
  if (auto failed = unmet(patch.when, present, false)) return *std::move(failed);
  if (present == nullptr) return no_such_key{};
  auto const* const result = patch.patch->look_up(present->value);
  if (result == nullptr) return text_wanted{patch.patch, present->value};
  if (!*result) return value_refused{result->error().code, result->error().detail};
  return with_value(store(place, patch.key, **result, present->expires), **result);
}

// --- several keys --------------------------------------------------------------------------------------------------

data_outcome database::run(list_operation const& list) {
  page_maker page(list);
  auto const end_of = [this](std::string_view prefix) {
    auto const bound = behind(prefix);
    return bound.empty() ? entries_.end() : entries_.lower_bound(bound);
  };
  // The start in the direction of the page. The cursor's own group has already been listed.
  auto const group = list.after ? page.group_of(*list.after) : std::string_view();
  auto at = list.reverse ? end_of(list.prefix) : entries_.lower_bound(list.prefix);
  if (list.after && list.reverse) {
    if (auto const bound = behind(list.prefix); bound.empty() || *list.after < bound)
      at = entries_.lower_bound(group.empty() ? *list.after : group);
  } else if (list.after && *list.after >= list.prefix) {
    at = group.empty() ? entries_.upper_bound(*list.after) : end_of(group);
  }

  std::size_t expired = 0;
  for (;;) {
    if (list.reverse) {
      if (at == entries_.begin()) break;
      --at;
    } else if (at == entries_.end()) {
      break;
    }
    auto const& [key, there] = *at;
    if (!std::string_view(key).starts_with(list.prefix)) break;
    if (list.until && (list.reverse ? key <= *list.until : key >= *list.until)) break;
    if (there.value && is_expired(there)) {
      if (expired++ == expired_in_page_max) {
        page.end_at(key);
        break;
      }
      json_text removed;
      at = remove(at, change::kind::expire, removed);
      continue;
    }
    if (there.value) {
      if (page.is_full()) {
        page.end();
        break;
      }
      if (auto const its_group = page.group_of(key); !its_group.empty()) {
        page.add_group(its_group);
        at = list.reverse ? entries_.lower_bound(its_group) : end_of(its_group);
        continue;
      }
      page.add(key, there.value, there.revision, there.expires);
    }
    if (!list.reverse) ++at;
  }
  return page.take();
}

data_outcome database::run(delete_range_operation const& range) {
  range_deleted done;
  auto const is_part = open_ != nullptr;  // part of an idempotent operation, which commits
  open_transaction own;
  auto& all = is_part ? *open_ : own;
  open_ = &all;
  try {
    auto at = entries_.lower_bound(range.prefix);
    while (at != entries_.end() && std::string_view(at->first).starts_with(range.prefix)) {
      json_text removed;
      if (is_expired(at->second)) {
        at = remove(at, change::kind::expire, removed);
        if (all.undo.size() < 2 * range.limit) continue;
      } else if (done.count < range.limit) {
        at = remove(at, change::kind::del, removed);
        ++done.count;
        continue;
      }
      done.next = all.undo.back().key;
      break;
    }
    if (!is_part) done.removed = commit();
  } catch (...) {
    if (open_ != nullptr) roll_back();
    throw;
  }
  return done;
}

data_outcome database::run(import_operation const& import) {
  using present_key = import_operation::present_key;
  import_done done;
  done.since = import.since != 0 ? import.since : revision_ + 1;
  for (std::size_t i = 0; i < import.items.size(); ++i) {
    auto const& item = import.items[i];
    auto const place = find_live(item.key);
    auto const exists = place != entries_.end();
    // Keys created by this import do not count as existing.
    if (exists && import.if_exists != present_key::replace && place->second.revision < done.since) {
      if (import.if_exists == present_key::skip) {
        ++done.skipped;
        continue;
      }
      done.failed_at = i;
      break;
    }
    done.replaced.emplace_back();
    if (!item.value) {
      if (exists) remove(place, change::kind::del, done.replaced.back());
      ++done.stored;
      continue;
    }
    auto stored = store(place, item.key, item.value, expiry_of(item.ttl, no_expiry));
    if (auto const* const full = std::get_if<no_room>(&stored)) {
      done.failed_at = i;
      done.full = *full;
      break;
    }
    done.replaced.back() = std::move(std::get<value_stored>(stored).replaced);
    ++done.stored;
  }
  return done;
}

data_outcome database::run(expire_operation const&) {
  auto const more = remove_expired(expired_at_once_max);
  return entries_expired{expired_before_ + more};
}

data_outcome database::run(ticket_operation const& one) {
  return locks_.run(one, *this);
}

data_outcome database::run(list_locks_operation const& list) {
  return locks_.run(list);
}

data_outcome database::run(show_lock_operation const& one) {
  return locks_.run(one, *this);
}

/// The fence: a client that has lost a lock can't change anything.
data_outcome database::run(std::shared_ptr<guarded_operation const> const& one) {
  for (auto const& grant : one->grants)
    if (!locks_.lives(grant, now_)) return lock_lost{grant};
  return apply(one->operation);
}

/// The operation and the record of its outcome are committed together.
data_outcome database::run(std::shared_ptr<idempotent_operation const> const& one) {
  if (auto earlier = answered_.find(one->key, now_)) {
    if (earlier->fingerprint == one->fingerprint) return earlier;
    return value_refused{errc::idempotency_key_reused,
                         "the key belongs to another request; send the very same one again, or a new key"};
  }
  open_transaction both;
  open_ = &both;
  auto has_place = false;
  try {
    auto done = apply(one->operation);
    if (is_to_be_retried(done)) {
      if (open_ != nullptr) roll_back();
      return done;
    }
    // A failed transaction has been undone; its outcome is remembered.
    if (open_ == nullptr) {
      both = {};
      open_ = &both;
    }
    auto outcome = std::make_shared<earlier_outcome const>(one->fingerprint, remembered(done, *one), revision_);
    // A few at a time, so that forgetting a day's requests never makes others wait.
    constexpr std::size_t forgotten_at_once = 16;
    auto const due = answered_.due(now_, forgotten_at_once, server::bytes_of(outcome->outcome));
    for (std::size_t i = 0; i < due; ++i) {
      auto const& oldest = answered_.oldest(i);
      auto const is_replaced = oldest.key == one->key || answered_.version_of(oldest.key) != oldest.version;
      if (!is_replaced) keep(keyspace::requests, oldest.key, nullptr, oldest.version, no_expiry);
    }
    json_text bytes;
    if (journal_ != nullptr) {
      bytes = std::make_shared<std::string const>(encode_outcome(*outcome, {now_, change::instant::clock::now()}));
      if (auto const full = lacks_for_record(bytes->size())) {
        roll_back();
        return *full;
      }
    }
    auto const version = keep(keyspace::requests, one->key, std::move(bytes), answered_.version_of(one->key),
                              now_ + answered_requests::kept_for);
    answered_.make_place(one->key);
    has_place = true;
    auto previous = commit();
    answered_.add(std::move(outcome), now_, version);
    for (std::size_t i = 0; i < due; ++i) answered_.forget_first();
    if (auto* const range = std::get_if<range_deleted>(&done))
      range->removed = std::move(previous);
    else if (auto* const whole = std::get_if<transaction_done>(&done))
      whole->replaced = std::move(previous);
    return done;
  } catch (...) {
    if (has_place) answered_.give_back_place();
    if (open_ != nullptr) roll_back();
    throw;
  }
}

// --- transactions --------------------------------------------------------------------------------------------------

data_outcome database::run(transaction const& whole) {
  auto done = std::make_shared<transaction_outcome>();
  for (std::size_t i = 0; i < whole.checks.size(); ++i) {
    auto const& one = whole.checks[i];
    if (one.grant) {
      if (!locks_.lives(*one.grant, now_)) done->failed_checks.push_back({i, 0});
      continue;
    }
    auto const* const present = find(one.key);
    auto holds = true;
    if (one.exists) holds = *one.exists == (present != nullptr);
    if (one.tag) holds = holds && present != nullptr && one.tag->names_strongly(present->revision);
    if (one.value && holds) {
      auto const* const equal = present != nullptr ? one.value->look_up(present->value) : nullptr;
      if (present != nullptr && equal == nullptr) return text_wanted{one.value, present->value};
      holds = equal != nullptr && equal->has_value();
    }
    if (!holds) done->failed_checks.push_back({i, present != nullptr ? present->revision : 0});
  }
  if (!done->failed_checks.empty()) return transaction_done{std::move(done), {}};

  auto const is_part = open_ != nullptr;  // part of an idempotent operation, which commits
  open_transaction own;
  auto& all = is_part ? *open_ : own;
  open_ = &all;
  std::vector<json_text> previous;
  try {
    if (!run_steps(whole, is_part, *done)) {
      roll_back();
      if (auto* const wanted = std::get_if<text_wanted>(&done->results.back())) return std::move(*wanted);
    } else if (!is_part) {
      previous = commit();
    }
  } catch (...) {
    if (open_ != nullptr) roll_back();
    throw;
  }
  return transaction_done{std::move(done), std::move(previous)};
}

/// @return true if all steps succeeded.
bool database::run_steps(transaction const& whole, bool is_remembered, transaction_outcome& done) {
  done.results.reserve(whole.steps.size());
  step_results results(is_remembered);
  for (std::size_t i = 0; i < whole.steps.size(); ++i) {
    auto const& step = whole.steps[i];
    auto& result = done.results.emplace_back(std::visit([this](auto const& one) { return run(one); }, step));
    if (results.accept(step, result)) continue;
    done.results = std::vector{data_outcome(std::move(result))};
    done.failed_step = i;
    return false;
  }
  return true;
}

/// Strong guarantee: if it throws, the transaction is still open. @return the previous values, to be freed outside the
/// lock.
std::vector<json_text> database::commit() {
  std::vector<json_text> previous;
  previous.reserve(open_->undo.size());
  if (journal_ != nullptr) {
    journal_->append(std::span(open_->changes));
  } else if (changes_ != nullptr) {
    changes_->append(open_->changes);
  }
  auto& all = *std::exchange(open_, nullptr);
  for (auto const& step : all.undo) {
    auto const found = entries_.find(step.key);
    if (step.before.expires != no_expiry && found->second.expires != step.before.expires)
      expiries_.remove(step.before.expires, found->first);
  }
  for (auto const& step : all.undo)
    if (auto const found = entries_.find(step.key); found != entries_.end() && !found->second.value)
      entries_.erase(found);
  for (auto& step : all.undo) previous.push_back(std::move(step.before.value));
  return previous;
}

void database::roll_back() noexcept {
  auto& all = *std::exchange(open_, nullptr);
  for (auto step = all.undo.rbegin(); step != all.undo.rend(); ++step) {
    auto const found = entries_.find(step->key);
    auto& there = found->second;
    if (step->added_expiry) expiries_.remove(there.expires, found->first);
    if (there.value) bytes_ -= bytes_of(step->key.size(), there.value->size());
    if (step->before.value) bytes_ += bytes_of(step->key.size(), step->before.value->size());
    if (!step->had_place) {
      entries_.erase(found);
    } else {
      there = std::move(step->before);
    }
  }
  for (auto const& one : all.changes) {
    --sequence_;
    if (one.what != change::kind::touch && one.space == keyspace::data) --revision_;
  }
  last_removal_ = std::min(last_removal_, sequence_);
  last_touch_ = std::min(last_touch_, sequence_);
  for (auto& one : touches_) one = std::min(one, sequence_);
}

}  // namespace holdfast::server
