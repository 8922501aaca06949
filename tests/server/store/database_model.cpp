#include "tests/server/store/database_model.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "server/store/database.hpp"

namespace holdfast::server {
namespace {

using protocol::errc;
using protocol::failure;

class appending_patch final : public text_function {
 protected:
  void begin(json_text const& input) override { input_text_ = *input; }
  std::optional<result> advance() override {
    if (input_text_.size() > 3) return result(failure{errc::patch_conflict, "too long"});
    return result(std::make_shared<std::string const>(input_text_ + '0'));
  }

 private:
  std::string input_text_;
};

class text_comparison final : public text_function {
 public:
  explicit text_comparison(std::string text) : text_(std::move(text)) {}

 protected:
  void begin(json_text const& input) override { input_ = input; }
  std::optional<result> advance() override {
    if (*input_ == text_) return result(input_);
    return result(failure{errc::check_failed, "another"});
  }

 private:
  std::string const text_;
  json_text input_;
};

/// The text function that a comparison requires.
bool is_equal(text_function& comparison, std::string const& value) {
  auto const input = std::make_shared<std::string const>(value);
  while (comparison.compute_some(input)) {
  }
  return comparison.look_up(input)->has_value();
}

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

std::string with_expiry(expiry_time expires) {
  return expires == no_expiry ? "" : " until " + std::to_string(expires.time_since_epoch().count());
}

std::string found(std::string const& value, std::uint64_t revision, expiry_time expires) {
  return "found " + value + " of " + number(revision) + with_expiry(expires);
}
std::string stored(bool created, std::uint64_t revision, expiry_time expires) {
  return (created ? "created " : "stored ") + number(revision) + with_expiry(expires);
}
std::string deleted(std::string const& value, std::uint64_t revision) {
  return "deleted " + value + " at " + number(revision);
}
std::string touched(std::uint64_t revision, expiry_time expires) {
  return "touched " + number(revision) + with_expiry(expires);
}
std::string refused(errc code) {
  return "refused " + std::string(protocol::traits_of(code).code);
}
std::string failed(std::uint64_t revision, bool must_be_new, bool had_weak_tag) {
  return "condition failed " + number(revision) + (must_be_new ? " new" : "") + (had_weak_tag ? " weak" : "");
}
constexpr auto none = "no such key";
constexpr auto full = "no room";

struct describer {
  std::string operator()(value_found const& one) const { return found(*one.value, one.revision, one.expires); }
  std::string operator()(not_modified const& one) const {
    return "not modified " + number(one.revision) + with_expiry(one.expires);
  }
  std::string operator()(value_stored const& one) const { return stored(one.created, one.revision, one.expires); }
  std::string operator()(value_deleted const& one) const { return deleted(*one.removed, one.revision); }
  std::string operator()(value_touched const& one) const { return touched(one.revision, one.expires); }
  std::string operator()(no_such_key) const { return none; }
  std::string operator()(no_room) const { return full; }
  std::string operator()(condition_failed const& one) const {
    return failed(one.revision, one.must_be_new, one.had_weak_tag);
  }
  std::string operator()(value_refused const& one) const { return refused(one.code); }
  std::string operator()(text_wanted const&) const { return "text wanted"; }
  std::string operator()(listing const& page) const {
    std::string text = "page";
    for (auto const& one : page.entries)
      ((text += ' ') += page.key_of(one)) += '=' + *one.value + '@' + number(one.revision) + with_expiry(one.expires);
    text += " groups";
    for (auto const& one : page.groups) (text += ' ') += page.key_of(one);
    if (page.next) (text += " next ") += *page.next;
    return text;
  }
  std::string operator()(range_deleted const& one) const {
    return "deleted " + number(one.count) + (one.next ? " next " + *one.next : "");
  }
  std::string operator()(import_done const& one) const {
    return "imported " + number(one.stored) + " skipped " + number(one.skipped) +
           (one.failed_at ? " failed at " + number(*one.failed_at) : "") + (one.full ? " for want of room" : "");
  }
  std::string operator()(entries_expired const&) const { return "expired"; }
  std::string operator()(transaction_done const& done) const {
    std::string text = "transaction";
    for (auto const& one : done->failed_checks) text += " check " + number(one.index) + " of " + number(one.revision);
    if (done->failed_step) return text + " step " + number(*done->failed_step) + ' ' + describe(done->results.back());
    for (auto const& one : done->results) text += "; " + describe(one);
    return text;
  }
  std::string operator()(earlier_outcome_pointer const& one) const { return "earlier " + describe(one->outcome); }
  /// Named locks have tests of their own.
  template <class Other>
  std::string operator()(Other const&) const {
    return "of a lock";
  }
};

/// True if a transaction continues after a step with this outcome.
bool goes_on(transaction_step const& step, std::string const& outcome) {
  if (outcome == none)
    return std::holds_alternative<get_operation>(step) || std::holds_alternative<delete_operation>(step);
  return outcome != full && !outcome.starts_with("refused") && !outcome.starts_with("condition");
}

}  // namespace

text_function_pointer make_appending_patch() {
  return std::make_shared<appending_patch>();
}

text_function_pointer make_text_comparison(std::string text) {
  return std::make_shared<text_comparison>(std::move(text));
}

std::string describe(data_outcome const& outcome) {
  return std::visit(describer{}, outcome);
}

std::uint64_t database_model::bytes() const {
  std::uint64_t sum = 0;
  for (auto const& [key, there] : state_.all) sum += database::bytes_of(key.size(), there.value.size());
  return sum;
}

expiry_time database_model::next_expiry() const {
  auto first = no_expiry;
  for (auto const& [key, there] : state_.all) first = std::min(first, there.expires);
  return first;
}

void database_model::at(expiry_time now) {
  now_ = now;
  auto const before = state_.all;
  for (auto const& [key, there] : before)
    if (there.expires <= now) remove(key);
}

std::string database_model::apply(data_operation const& operation) {
  return std::visit([this](auto const& one) { return run(one); }, operation);
}

expiry_time database_model::expiry_of(time_to_live const& ttl, expiry_time present) const {
  if (ttl.what == time_to_live::kind::none) return no_expiry;
  return ttl.what == time_to_live::kind::keep ? present : now_ + ttl.duration;
}

/// The outcome if a condition does not hold; nothing if all hold.
std::string database_model::unmet(conditions_pointer const& when, std::string const& key, bool reads) const {
  if (!when) return {};
  auto const there = state_.all.find(key);
  auto const exists = there != state_.all.end();
  auto const revision = exists ? there->second.revision : 0;
  auto const has = [&](std::vector<std::uint64_t> const& some) {
    return std::find(some.begin(), some.end(), revision) != some.end();
  };
  if (auto const& match = when->if_match)
    if (!exists || !(match->any || has(match->strong))) return failed(revision, false, match->has_weak);
  if (auto const& match = when->if_none_match;
      match && exists && (match->any || has(match->strong) || has(match->weak)))
    return reads ? "not modified " + number(revision) + with_expiry(there->second.expires)
                 : failed(revision, match->any, false);
  return {};
}

std::string database_model::store(std::string const& key, std::string const& value, expiry_time expires) {
  auto const there = state_.all.find(key);
  auto const before = there != state_.all.end() ? database::bytes_of(key.size(), there->second.value.size()) : 0;
  auto const after = database::bytes_of(key.size(), value.size());
  if (after > before && bytes() - before + after > bytes_max_) return full;
  auto const created = there == state_.all.end();
  ++state_.sequence;
  state_.all[key] = {value, ++state_.revision, expires};
  return stored(created, state_.revision, expires);
}

void database_model::remove(std::string const& key) {
  ++state_.sequence;
  ++state_.revision;
  state_.all.erase(key);
}

std::string database_model::run(get_operation const& get) {
  if (auto why = unmet(get.when, get.key, true); !why.empty()) return why;
  auto const there = state_.all.find(get.key);
  if (there == state_.all.end()) return none;
  return found(there->second.value, there->second.revision, there->second.expires);
}

std::string database_model::run(put_operation const& put) {
  if (auto why = unmet(put.when, put.key, false); !why.empty()) return why;
  auto const there = state_.all.find(put.key);
  auto const present = there != state_.all.end() ? there->second.expires : no_expiry;
  return store(put.key, *put.value, expiry_of(put.ttl, present));
}

std::string database_model::run(delete_operation const& del) {
  if (auto why = unmet(del.when, del.key, false); !why.empty()) return why;
  auto const there = state_.all.find(del.key);
  if (there == state_.all.end()) return none;
  auto const value = there->second.value;
  remove(del.key);
  return deleted(value, state_.revision);
}

std::string database_model::run(touch_operation const& touch) {
  if (auto why = unmet(touch.when, touch.key, false); !why.empty()) return why;
  auto const there = state_.all.find(touch.key);
  if (there == state_.all.end()) return none;
  auto const expires = expiry_of(touch.ttl, there->second.expires);
  if (expires != there->second.expires) ++state_.sequence;
  there->second.expires = expires;
  return touched(there->second.revision, expires);
}

std::string database_model::run(increment_operation const& increment) {
  if (auto why = unmet(increment.when, increment.key, false); !why.empty()) return why;
  auto const there = state_.all.find(increment.key);
  auto value = increment.initial;
  if (there != state_.all.end()) {
    auto const& text = there->second.value;
    auto const end = std::from_chars(text.data(), text.data() + text.size(), value).ptr;
    if (end != text.data() + text.size()) return refused(errc::not_an_integer);
  }
  value += increment.by;
  if (value < increment.min || value > increment.max) return refused(errc::out_of_range);
  auto const expires = there != state_.all.end() ? there->second.expires : expiry_of(increment.ttl, no_expiry);
  return store(increment.key, std::to_string(value), expires);
}

std::string database_model::run(patch_operation const& patch) {
  if (auto why = unmet(patch.when, patch.key, false); !why.empty()) return why;
  auto const there = state_.all.find(patch.key);
  if (there == state_.all.end()) return none;
  if (there->second.value.size() > 3) return refused(errc::patch_conflict);
  return store(patch.key, there->second.value + '0', there->second.expires);
}

std::string database_model::run(list_operation const& list) {
  // All matches in the page's order, with groups at their first key.
  std::vector<std::pair<std::string, entry const*>> items;
  auto const group_of = [&](std::string const& key) {
    if (list.delimiter.empty()) return std::string();
    auto const at = key.find(list.delimiter, list.prefix.size());
    return at == std::string::npos ? std::string() : key.substr(0, at + list.delimiter.size());
  };
  auto const take = [&](std::string const& key, entry const& there) {
    if (!key.starts_with(list.prefix)) return;
    if (list.after && (list.reverse ? key >= *list.after : key <= *list.after)) return;
    if (list.until && (list.reverse ? key <= *list.until : key >= *list.until)) return;
    auto const group = group_of(key);
    if (group.empty()) {
      items.emplace_back(key, &there);
    } else if (!(list.after && list.after->starts_with(group)) && (items.empty() || items.back().first != group)) {
      items.emplace_back(group, nullptr);
    }
  };
  if (list.reverse) {
    for (auto one = state_.all.rbegin(); one != state_.all.rend(); ++one) take(one->first, one->second);
  } else {
    for (auto const& [key, there] : state_.all) take(key, there);
  }
  std::string text = "page", groups = " groups";
  for (std::size_t i = 0; i < items.size() && i < list.limit; ++i) {
    auto const& [key, there] = items[i];
    if (there == nullptr) {
      groups += ' ' + key;
    } else {
      text += ' ' + key + '=' + there->value + '@' + number(there->revision) + with_expiry(there->expires);
    }
  }
  return text + groups + (items.size() > list.limit ? " next " + items[list.limit - 1].first : "");
}

std::string database_model::run(delete_range_operation const& range) {
  std::vector<std::string> keys;
  for (auto const& [key, there] : state_.all)
    if (key.starts_with(range.prefix)) keys.push_back(key);
  auto const count = std::min(keys.size(), range.limit);
  for (std::size_t i = 0; i < count; ++i) remove(keys[i]);
  return "deleted " + number(count) + (keys.size() > count ? " next " + keys[count - 1] : "");
}

std::string database_model::run(import_operation const& import) {
  using present_key = import_operation::present_key;
  auto const since = import.since != 0 ? import.since : state_.revision + 1;
  std::size_t done = 0, skipped = 0;
  auto const result = [&] { return "imported " + number(done) + " skipped " + number(skipped); };
  for (std::size_t i = 0; i < import.items.size(); ++i) {
    auto const& item = import.items[i];
    auto const there = state_.all.find(item.key);
    if (there != state_.all.end() && there->second.revision < since && import.if_exists != present_key::replace) {
      if (import.if_exists == present_key::fail) return result() + " failed at " + number(i);
      ++skipped;
      continue;
    }
    if (!item.value) {
      if (there != state_.all.end()) remove(item.key);
    } else if (store(item.key, *item.value, expiry_of(item.ttl, no_expiry)) == full) {
      return result() + " failed at " + number(i) + " for want of room";
    }
    ++done;
  }
  return result();
}

std::string database_model::run(transaction const& all) {
  std::string text = "transaction";
  auto const before = state_;
  for (std::size_t i = 0; i < all.checks.size(); ++i) {
    auto const& one = all.checks[i];
    auto const there = state_.all.find(one.key);
    auto const exists = there != state_.all.end();
    auto holds = !one.exists || *one.exists == exists;
    if (one.tag) holds = holds && exists && one.tag->names_strongly(there->second.revision);
    if (one.value) holds = holds && exists && is_equal(*one.value, there->second.value);
    if (!holds) text += " check " + number(i) + " of " + number(exists ? there->second.revision : 0);
  }
  if (text != "transaction") return text;
  for (std::size_t i = 0; i < all.steps.size(); ++i) {
    auto const outcome = std::visit([this](auto const& one) { return run(one); }, all.steps[i]);
    if (!goes_on(all.steps[i], outcome)) {
      state_ = before;
      return "transaction step " + number(i) + ' ' + outcome;
    }
    text += "; " + outcome;
  }
  return text;
}

}  // namespace holdfast::server
