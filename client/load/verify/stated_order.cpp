#include "client/load/verify/stated_order.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <queue>
#include <span>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace holdfast::client::verify {
namespace {

using kind = fact::kind;

constexpr std::size_t nobody = SIZE_MAX;  ///< an unknown operation
constexpr revision_number no_revision = 0;
constexpr revision_number unreachable = UINT64_MAX;

/// The tolerance for clock drift between two machines over the life of a value.
instant slack_of(std::int64_t ttl) {
  return ttl / 1000 + 1'000'000;
}

/// A fact and the operation that states it.
struct witness {
  revision_number at = no_revision;
  std::size_t operation = nobody;

  [[nodiscard]] bool exists() const { return operation != nobody; }
};

/// A change of one key, and what is known of the time until its next change.
struct change {
  revision_number revision = no_revision;  ///< 0: the initial state of the key, absent
  key_number key = 0;
  kind what = kind::remove;
  value_number value = absent;
  std::int64_t extra = 0;
  std::size_t operation = nobody;
  bool was_seen = false;                  ///< by an answer that shows its value
  witness shown{};                        ///< the last position where its value certainly existed
  witness missing{};                      ///< the first position where the key certainly had no value
  revision_number none_at = no_revision;  ///< the last such position
  witness some{};                         ///< a position where the key certainly had some value

  [[nodiscard]] bool leaves_value() const { return what == kind::put || what == kind::add; }
};

/// A change that no answer or event shows, but that an answer requires.
struct need {
  kind what = kind::remove;  ///< remove, put or add
  key_number key = 0;
  revision_number after = no_revision;  ///< lower bound of its revision, exclusive
  revision_number until = no_revision;  ///< upper bound of its revision, inclusive
  std::size_t before = nobody;          ///< the operation that created the previous state
  std::size_t shows = nobody;           ///< the operation whose answer requires it
  std::size_t ends = SIZE_MAX;          ///< index of the change whose value it ends or follows
  bool takes_room = true;               ///< true if its revision is unknown
};

/// An unanswered request that may have made such a change.
struct candidate {
  instant invoked = 0;
  std::size_t operation = nobody;
};

class order_check {
 public:
  order_check(stated_history const& whole, std::size_t examples_max) : whole_(whole), examples_max_(examples_max) {}

  order_verdict run() {
    collect_changes();
    settle_changes();
    find_unanswered();
    if (add_unstated_changes()) settle_changes();
    check_revisions();
    check_transactions();
    mark_seen();
    read_facts();
    read_lists();
    place_in_time();
    explain_gaps();
    match_needs();
    find_room();
    follow_watchers();
    for (auto const& one : changes_) verdict_.changes += one.revision != no_revision;
    return std::move(verdict_);
  }

 private:
  [[nodiscard]] observation const& operation(std::size_t number) const { return whole_.operations[number]; }
  [[nodiscard]] std::vector<fact>::const_iterator begin_of(std::size_t number) const {
    return whole_.facts.begin() + static_cast<std::ptrdiff_t>(operation(number).facts_begin);
  }
  [[nodiscard]] std::vector<fact>::const_iterator end_of(std::size_t number) const {
    return whole_.facts.begin() + static_cast<std::ptrdiff_t>(operation(number).facts_end);
  }
  [[nodiscard]] key_number first_key(std::size_t number) const {
    return begin_of(number) == end_of(number) ? no_key : begin_of(number)->key;
  }
  [[nodiscard]] bool is_answered(std::size_t number) const { return operation(number).responded != never; }

  void accuse(order_violation what, key_number key, std::vector<std::size_t> shown) {
    ++verdict_.violations;
    if (key != no_key) verdict_.violated_keys += accused_.insert(key & ~counter_keys).second;
    auto& examples = verdict_.examples;
    auto const is_new = std::ranges::none_of(examples, [&](auto const& one) { return one.kind == what; });
    if (!is_new && examples.size() >= examples_max_) return;
    std::erase(shown, nobody);
    std::ranges::sort(shown, {}, [this](auto number) { return std::pair(operation(number).invoked, number); });
    shown.erase(std::ranges::unique(shown).begin(), shown.end());
    examples.push_back({what, key, std::move(shown)});
  }

  // Changes.

  void collect_changes() {
    for (auto const& one : whole_.initial)
      changes_.push_back({.revision = one.revision, .key = one.key, .what = kind::put, .value = one.value});
    for (std::size_t number = 0; number < whole_.operations.size(); ++number) {
      for (auto at = begin_of(number); at != end_of(number); ++at) {
        if (!is_change(*at) || at->at == no_revision) continue;
        changes_.push_back({.revision = at->at,
                            .key = at->key,
                            .what = at->what,
                            .value = at->what == kind::remove ? absent : at->value,
                            .extra = at->extra,
                            .operation = number});
      }
    }
    // The initial state of every key, so that every change has a predecessor.
    std::vector<key_number> keys;
    for (auto const& one : changes_) keys.push_back(one.key);
    for (auto const& one : whole_.facts) keys.push_back(one.key);
    std::ranges::sort(keys);
    keys.erase(std::ranges::unique(keys).begin(), keys.end());
    for (auto const key : keys) changes_.push_back({.key = key});
  }

  /// Sorts the changes; repeated when some are added.
  void settle_changes() {
    std::ranges::stable_sort(changes_, {}, [](auto const& one) { return std::pair(one.key, one.revision); });
    by_revision_.clear();
    for (std::uint32_t i = 0; i < changes_.size(); ++i) {
      if (changes_[i].revision != no_revision) by_revision_.push_back(i);
    }
    std::ranges::stable_sort(by_revision_, {}, [this](auto i) { return changes_[i].revision; });
  }

  /// The last change of a key up to a revision.
  [[nodiscard]] std::size_t change_at(key_number key, revision_number at) const {
    auto const behind = std::ranges::upper_bound(changes_, std::pair(key, at), {},
                                                 [](auto const& one) { return std::pair(one.key, one.revision); });
    return static_cast<std::size_t>(behind - changes_.begin()) - 1;
  }
  [[nodiscard]] change* find(key_number key, revision_number revision) {
    auto& found = changes_[change_at(key, revision)];
    return found.key == key && found.revision == revision && revision != no_revision ? &found : nullptr;
  }
  [[nodiscard]] change const* next_of(change const& one) const {
    auto const* const next = &one + 1;
    return next == changes_.data() + changes_.size() || next->key != one.key ? nullptr : next;
  }

  // Requests that were never answered.

  void find_unanswered() {
    for (std::size_t number = 0; number < whole_.operations.size(); ++number) {
      if (is_answered(number)) continue;
      for (auto at = begin_of(number); at != end_of(number); ++at) {
        if (at->what == kind::put) puts_of_[at->value] = {number, at};
        if (!is_change(*at)) continue;
        candidates_[{at->what, at->key}].push_back({operation(number).invoked, number});
        // It may have replaced a value and have expired before any request could see it.
        if (at->what == kind::put && at->extra != 0)
          candidates_[{kind::remove, at->key}].push_back(
              {operation(number).invoked + at->extra - slack_of(at->extra), number});
      }
    }
  }

  /// Adds changes that only other operations show. @return true if there are any
  bool add_unstated_changes() {
    std::map<std::pair<key_number, revision_number>, std::size_t> added;  // with the operation that shows it
    for (std::size_t number = 0; number < whole_.operations.size(); ++number) {
      for (auto at = begin_of(number); at != end_of(number); ++at) {
        auto const revision = at->what == kind::version ? at->version : at->at;
        if (at->what != kind::version && at->what != kind::gone && at->what != kind::expire) continue;
        if (find(at->key, revision) != nullptr) continue;
        if (added.contains({at->key, revision}) && at->value == not_shown) continue;
        if (at->what == kind::version) {
          add_version(*at, number, added);
        } else if (added.emplace(std::pair(at->key, revision), number).second) {
          unstated_.push_back({.revision = revision, .key = at->key, .what = kind::remove, .operation = number});
          if (at->what == kind::expire) {
            expiries_.emplace(revision, number);
          } else {
            needs_.push_back({.what = kind::remove,
                              .key = at->key,
                              .after = revision - 1,
                              .until = revision,
                              .shows = number,
                              .takes_room = false});
          }
        }
      }
    }
    // Versions whose value is not shown by any answer.
    for (auto const& [key, revision, number] : nameless_) {
      if (!added.emplace(std::pair(key, revision), number).second) continue;
      unstated_.push_back({.revision = revision, .key = key, .what = kind::put, .value = not_shown});
      needs_.push_back({.what = kind::put,
                        .key = key,
                        .after = revision - 1,
                        .until = revision,
                        .shows = number,
                        .takes_room = false});
    }
    // Add them at the end, since lookups need the sorted order.
    changes_.insert(changes_.end(), unstated_.begin(), unstated_.end());
    return !unstated_.empty();
  }

  using added_changes = std::map<std::pair<key_number, revision_number>, std::size_t>;

  void add_version(fact const& shown, std::size_t number, added_changes& added) {
    if (shown.value == not_shown) {
      nameless_.push_back({shown.key, shown.version, number});
      return;
    }
    if (added.contains({shown.key, shown.version})) return;
    if ((shown.key & counter_keys) != 0) {
      added.emplace(std::pair(shown.key, shown.version), number);
      unstated_.push_back(
          {.revision = shown.version, .key = shown.key, .what = kind::add, .value = shown.value, .extra = 1});
      needs_.push_back({.what = kind::add,
                        .key = shown.key,
                        .after = shown.version - 1,
                        .until = shown.version,
                        .shows = number,
                        .takes_room = false});
      return;
    }
    auto const found = puts_of_.find(shown.value);
    if (found == puts_of_.end() || found->second.second->key != shown.key)
      return accuse(order_violation::foreign_value, shown.key, {number});
    // The revision of one part of a request determines those of all its parts.
    auto const [writer, part] = found->second;
    revision_number before = 0, all = 0;
    for (auto at = begin_of(writer); at != end_of(writer); ++at) {
      before += is_change(*at) && at < part;
      all += is_change(*at);
    }
    auto const first = shown.version - before;
    if (auto const [known, is_new] = pinned_.emplace(writer, witness{first, number}); !is_new) {
      if (known->second.at != first)
        accuse(order_violation::applied_twice, shown.key, {known->second.operation, number});
      return;
    }
    for (auto at = begin_of(writer); at != end_of(writer); ++at) {
      if (!is_change(*at)) continue;
      auto const revision = first + static_cast<revision_number>(std::count_if(begin_of(writer), at, is_change));
      added.emplace(std::pair(at->key, revision), writer);
      unstated_.push_back({.revision = revision,
                           .key = at->key,
                           .what = at->what,
                           .value = at->what == kind::remove ? absent : at->value,
                           .extra = at->extra,
                           .operation = writer});
    }
    if (all > 1) torn_between_.push_back({first, first + all - 1, writer});
  }

  void check_revisions() {
    for (std::size_t i = 1; i < by_revision_.size(); ++i) {
      auto const &one = changes_[by_revision_[i - 1]], &other = changes_[by_revision_[i]];
      if (one.revision != other.revision) continue;
      accuse(order_violation::same_revision, other.key, {one.operation, other.operation});
    }
  }

  /// The changes of a transaction have consecutive revisions; the last is the one that it states.
  void check_transactions() {
    for (std::size_t number = 0; number < whole_.operations.size(); ++number) {
      auto const& one = operation(number);
      if (one.at == no_revision) continue;
      auto const count = static_cast<revision_number>(std::count_if(begin_of(number), end_of(number), is_change));
      if (count < 2) continue;
      auto expected = one.at - count;
      auto const follows = std::all_of(begin_of(number), end_of(number),
                                       [&](auto const& part) { return !is_change(part) || part.at == ++expected; });
      if (!follows) accuse(order_violation::torn_transaction, begin_of(number)->key, {number});
      torn_between_.push_back({one.at - count + 1, one.at, number});
    }
    std::ranges::sort(torn_between_, {}, &interior::first);
  }

  /// A transaction that is half complete at a revision.
  struct interior {
    revision_number first, last;
    std::size_t operation;
  };
  [[nodiscard]] interior const* half_done_at(revision_number at) const {
    auto const behind = std::ranges::upper_bound(torn_between_, at, {}, &interior::first);
    if (behind == torn_between_.begin()) return nullptr;
    auto const& found = *std::prev(behind);
    return at < found.last ? &found : nullptr;
  }

  // What answers state.

  void mark_seen() {
    for (auto const& one : whole_.facts) {
      if (one.what != kind::version) continue;
      if (auto* const found = find(one.key, one.version)) found->was_seen = true;
    }
  }

  void read_facts() {
    for (std::size_t number = 0; number < whole_.operations.size(); ++number) {
      auto const& one = operation(number);
      if (!is_answered(number)) continue;
      auto const changes = std::any_of(begin_of(number), end_of(number), is_change);
      if (!changes && one.what != deed::event && one.at != no_revision) {
        if (auto const* const half = half_done_at(one.at))
          accuse(order_violation::torn_transaction, first_key(number), {half->operation, number});
      }
      for (auto at = begin_of(number); at != end_of(number); ++at) read_fact(*at, number);
      check_refusal(number);
    }
  }

  void read_fact(fact const& stated, std::size_t number) {
    switch (stated.what) {
      case kind::version: {
        if (stated.at != no_revision && stated.at < stated.version)
          return accuse(order_violation::time_backwards, stated.key, {number});
        auto* const found = find(stated.key, stated.version);
        if (found == nullptr) return;  // foreign, already reported
        if (!found->leaves_value() || (stated.value != not_shown && stated.value != found->value))
          return accuse(order_violation::foreign_value, stated.key, {number});
        check_time_left(*found, number);
        if (stated.at == no_revision) return;  // place_in_time() handles it
        if (auto const* const next = next_of(*found); next != nullptr && next->revision <= stated.at)
          return accuse(name_of_stale(number, *next), stated.key, {next->operation, number});
        if (!found->shown.exists() || found->shown.at < stated.at) found->shown = {stated.at, number};
        return;
      }
      case kind::none:
        return note_missing(changes_[change_at(stated.key, stated.at)], stated.at, number);
      case kind::some: {
        auto& found = changes_[change_at(stated.key, stated.at)];
        found.some = {stated.at, number};
        return;
      }
      default:
        return;
    }
  }

  static void note_missing(change& found, revision_number at, std::size_t number) {
    if (!found.missing.exists() || at < found.missing.at) found.missing = {at, number};
    found.none_at = std::max(found.none_at, at);
  }

  /// An answer must not show a value that had expired before the request.
  void check_time_left(change const& shown, std::size_t number) {
    if (shown.what != kind::put || shown.extra == 0 || shown.operation == nobody || !is_answered(shown.operation))
      return;
    auto const over = operation(shown.operation).responded + shown.extra + slack_of(shown.extra);
    if (operation(number).what != deed::event && operation(number).invoked > over)
      accuse(order_violation::expired_value, shown.key, {shown.operation, number});
  }

  void check_refusal(std::size_t number) {
    bool conditions = false;
    for (auto at = begin_of(number); at != end_of(number); ++at) {
      if (at->what != kind::condition) continue;
      conditions = true;
      auto const& found = changes_[change_at(at->key, at->at)];
      // A change that no answer or event shows may have changed the key.
      if (candidates_.contains({kind::remove, at->key}) || candidates_.contains({kind::put, at->key})) return;
      if (found.leaves_value() && found.what == kind::put && found.extra != 0) return;
      auto const is_met =
          at->version == no_revision ? !found.leaves_value() : found.leaves_value() && found.revision == at->version;
      if (!is_met) return;
    }
    if (conditions) accuse(order_violation::wrong_refusal, begin_of(number)->key, {number});
  }

  [[nodiscard]] bool writes(std::size_t number, key_number key) const {
    return std::any_of(begin_of(number), end_of(number),
                       [&](auto const& part) { return is_change(part) && part.key == key; });
  }

  /// The violation if `reader` shows a key as it was before `next`.
  [[nodiscard]] order_violation name_of_stale(std::size_t reader, change const& next) const {
    if (expiries_.contains(next.revision)) return order_violation::expired_value;
    if (is_torn_by(reader, next.operation)) return order_violation::torn_transaction;
    if (std::any_of(begin_of(reader), end_of(reader), is_change)) {
      if (writes(reader, next.key)) return order_violation::lost_update;
      if (next.operation != nobody) {
        auto const crosses = std::any_of(begin_of(next.operation), end_of(next.operation), [&](auto const& part) {
          return (part.what == kind::version || part.what == kind::none) && writes(reader, part.key);
        });
        if (crosses) return order_violation::write_skew;
      }
    }
    if (operation(reader).what == deed::list) return order_violation::stale_list;
    if (next.what == kind::remove) return order_violation::returned_after_delete;
    return next.was_seen ? order_violation::stale_read : order_violation::lost_update;
  }

  /// True if `reader` shows one change of `writer`, but another key as it was before.
  [[nodiscard]] bool is_torn_by(std::size_t reader, std::size_t writer) const {
    if (writer == nobody || reader == nobody || reader == writer) return false;
    if (std::count_if(begin_of(writer), end_of(writer), is_change) < 2) return false;
    return std::any_of(begin_of(reader), end_of(reader), [&](auto const& part) {
      if (part.what != kind::version) return false;
      auto const& shown = changes_[change_at(part.key, part.version)];
      return shown.revision == part.version && shown.operation == writer;
    });
  }

  /// A key missing in a list was absent.
  void read_lists() {
    std::vector<std::size_t> lists;
    for (std::size_t number = 0; number < whole_.operations.size(); ++number) {
      if (operation(number).what == deed::list && is_answered(number) && operation(number).at != no_revision)
        lists.push_back(number);
    }
    if (lists.empty()) return;
    std::ranges::stable_sort(lists, {}, [this](auto number) { return operation(number).at; });
    auto const by_name = [](key_number one, key_number other) { return is_listed_before(one, other); };
    std::map<key_number, std::uint32_t, decltype(by_name)> present(by_name);  // with the change that put it
    std::size_t next = 0;
    for (auto const number : lists) {
      auto const& one = operation(number);
      for (; next < by_revision_.size() && changes_[by_revision_[next]].revision <= one.at; ++next) {
        auto const& made = changes_[by_revision_[next]];
        if (made.leaves_value()) {
          present[made.key] = by_revision_[next];
        } else {
          present.erase(made.key);
        }
      }
      auto listed = begin_of(number);
      auto const end = end_of(number);
      auto at = one.after == no_key ? present.begin() : present.upper_bound(one.after);
      while (at != present.end() &&
             (one.to_the_end || (end != begin_of(number) && !by_name(std::prev(end)->key, at->first)))) {
        while (listed != end && by_name(listed->key, at->first)) ++listed;
        if (listed != end && listed->key == at->first) {
          ++at;
          continue;
        }
        note_missing(changes_[at->second], one.at, number);
        at = present.erase(at);
      }
    }
  }

  // Real time.

  /// The highest position of all operations that ended before an instant.
  [[nodiscard]] revision_number reached_before(instant when) const {
    auto const behind = std::ranges::lower_bound(reached_, when, {}, &reached::responded);
    return behind == reached_.begin() ? no_revision : std::prev(behind)->place;
  }

  void place_in_time() {
    auto const count = whole_.operations.size();
    places_.assign(count, no_revision);
    std::vector<std::size_t> by_invocation, by_response;
    for (std::size_t number = 0; number < count; ++number) {
      by_invocation.push_back(number);
      if (is_answered(number)) by_response.push_back(number);
    }
    std::ranges::stable_sort(by_invocation, {}, [this](auto number) { return operation(number).invoked; });
    std::ranges::stable_sort(by_response, {}, [this](auto number) { return operation(number).responded; });
    witness latest;
    std::size_t over = 0;
    auto const pass = [&](instant until) {
      for (; over < by_response.size() && operation(by_response[over]).responded < until; ++over) {
        auto const number = by_response[over];
        if (places_[number] > latest.at) latest = {places_[number], number};
        reached_.push_back({operation(number).responded, latest.at});
      }
    };
    for (auto const number : by_invocation) {
      pass(operation(number).invoked);
      places_[number] = place(number, latest);
    }
    pass(never);
  }

  /// The lowest position of an operation that follows `latest`.
  revision_number place(std::size_t number, witness const& latest) {
    auto const& one = operation(number);
    if (one.what == deed::event) return one.at;  // it reports the past
    auto const changes = static_cast<revision_number>(std::count_if(begin_of(number), end_of(number), is_change));
    auto at = one.at;
    if (auto const pin = pinned_.find(number); pin != pinned_.end()) at = pin->second.at + changes - 1;
    if (!is_answered(number) && at == no_revision) return no_revision;
    if (at != no_revision) {
      auto const first = changes == 0 ? at : at - changes + 1;
      if (latest.exists() && (changes == 0 ? latest.at > at : latest.at >= first))
        accuse(changes != 0             ? order_violation::time_backwards
               : one.what == deed::list ? order_violation::stale_list
                                        : order_violation::stale_read,
               first_key(number), {latest.operation, number});
      return at;
    }
    if (one.facts_begin == one.facts_end) return no_revision;
    return place_get(number, *begin_of(number), latest);
  }

  revision_number place_get(std::size_t number, fact const& stated, witness const& latest) {
    auto* const shown = find(stated.key, stated.version);
    if (shown == nullptr || !shown->leaves_value()) return no_revision;
    auto lowest = std::max(stated.version, latest.at);
    auto const* const half = half_done_at(lowest);
    if (half != nullptr) lowest = half->last;
    auto const* const next = next_of(*shown);
    auto const highest = next == nullptr ? unreachable : next->revision - 1;
    if (lowest > highest) {
      if (half != nullptr && latest.at < half->first) {
        // It shows a value that a transaction put and also replaced.
        accuse(order_violation::torn_transaction, stated.key, {half->operation, number});
      } else {
        accuse_stale_get(number, *next, latest);
      }
      return stated.version;
    }
    if (shown->missing.exists() && lowest >= shown->missing.at) {
      auto const missed = shown->missing.operation;
      auto const is_over = operation(missed).responded < operation(number).invoked;
      accuse(name_of_return(*shown), stated.key, {missed, is_over ? nobody : latest.operation, number});
      return stated.version;
    }
    if (!shown->shown.exists() || shown->shown.at < lowest) shown->shown = {lowest, number};
    return lowest;
  }

  /// The violation if a value is there, was absent and is there again. A list may have left it out.
  [[nodiscard]] order_violation name_of_return(change const& one) const {
    if (operation(one.missing.operation).what == deed::list) return order_violation::stale_list;
    if (!writes(one.missing.operation, one.key)) return order_violation::returned_after_delete;
    return operation(one.missing.operation).what == deed::put ? order_violation::created_twice
                                                              : order_violation::lost_update;
  }

  void accuse_stale_get(std::size_t number, change const& next, witness const& latest) {
    auto name = name_of_stale(number, next);
    // Another get has shown another change of the same transaction.
    if (latest.operation != next.operation && is_torn_by(latest.operation, next.operation))
      name = order_violation::torn_transaction;
    auto const is_over = next.operation != nobody && operation(next.operation).responded < operation(number).invoked;
    if (is_over && name != order_violation::torn_transaction) return accuse(name, next.key, {next.operation, number});
    accuse(name, next.key, {next.operation, latest.operation, number});
  }

  // Changes that no answer or event shows.

  void explain_gaps() {
    for (auto& one : changes_) {
      auto const* const next = next_of(one);
      if (one.leaves_value() && one.missing.exists()) {
        if (one.shown.exists() && one.shown.at >= one.missing.at) {
          accuse(name_of_return(one), one.key, {one.missing.operation, one.shown.operation});
          continue;
        }
        needs_.push_back({.what = kind::remove,
                          .key = one.key,
                          .after = std::max(one.revision, one.shown.at),
                          .until = one.missing.at,
                          .before = one.operation,
                          .shows = one.missing.operation,
                          .ends = static_cast<std::size_t>(&one - changes_.data())});
      }
      if (one.some.exists() && (!one.leaves_value() || one.missing.exists())) {
        needs_.push_back({.what = kind::put,
                          .key = one.key,
                          .after = std::max(one.revision, one.none_at),
                          .until = one.some.at,
                          .before = one.missing.exists() ? one.missing.operation : one.operation,
                          .shows = one.some.operation,
                          .ends = static_cast<std::size_t>(&one - changes_.data())});
      }
      if (next != nullptr && next->what == kind::add && !one.missing.exists()) count_up(one, *next);
    }
    // An expiry received by a watcher must not be too early.
    for (auto const& [revision, number] : expiries_) {
      auto const& before = changes_[change_at(begin_of(number)->key, revision - 1)];
      if (!may_have_expired(before, revision))
        accuse(order_violation::lost_write, before.key, {before.operation, number});
    }
  }

  void count_up(change const& one, change const& next) {
    auto const from = one.leaves_value() ? one.value : 0;
    auto const step = static_cast<value_number>(next.extra);
    if (next.value < from + step) return accuse(order_violation::lost_update, one.key, {one.operation, next.operation});
    for (auto hidden = next.value - from - step; hidden > 0; --hidden) {
      needs_.push_back({.what = kind::add,
                        .key = one.key,
                        .after = one.revision,
                        .until = next.revision - 1,
                        .before = one.operation,
                        .shows = next.operation});
      if (needs_.size() > whole_.operations.size() + changes_.size()) return;  // more than the number of requests
    }
  }

  /// True if the value of a change can have expired at a revision up to `until`.
  [[nodiscard]] bool may_have_expired(change const& one, revision_number until) const {
    if (one.value == not_shown) return true;  // its time to live is unknown
    if (one.what != kind::put || one.extra == 0 || one.operation == nobody) return false;
    return reached_before(operation(one.operation).invoked + one.extra - slack_of(one.extra)) < until;
  }

  void match_needs() {
    // Removals first: if one can't be explained, neither can the state after it.
    std::ranges::stable_sort(
        needs_, {}, [](auto const& one) { return std::tuple(one.what != kind::remove, one.what, one.key, one.until); });
    for (std::size_t begin = 0; begin < needs_.size();) {
      auto end = begin;
      while (end < needs_.size() && needs_[end].what == needs_[begin].what && needs_[end].key == needs_[begin].key)
        ++end;
      match(std::span(needs_).subspan(begin, end - begin));
      begin = end;
    }
  }

  void match(std::span<need> of_a_key) {
    static std::vector<candidate> const none;
    auto const found = candidates_.find({of_a_key.front().what, of_a_key.front().key});
    auto candidates = found == candidates_.end() ? none : found->second;
    std::erase_if(candidates, [this](auto const& one) { return pinned_.contains(one.operation); });
    std::ranges::stable_sort(candidates, {}, &candidate::invoked);
    std::vector<std::size_t> matched;  // needs that exclude further ones
    std::size_t next = 0;
    for (auto& one : of_a_key) {
      if (one.what == kind::put && unexplained_.contains(one.ends)) {
        one.takes_room = false;
        continue;
      }
      if (one.what == kind::remove && one.ends != SIZE_MAX && may_have_expired(changes_[one.ends], one.until)) continue;
      if (next < candidates.size() && reached_before(candidates[next].invoked) < one.until) {
        matched.insert(matched.end(), {one.before, one.shows, candidates[next++].operation});
        continue;
      }
      auto shown = matched;
      shown.insert(shown.end(), {one.before, one.shows});
      accuse(name_of_unexplained(one), one.key, std::move(shown));
      one.takes_room = false;
      if (one.what == kind::remove) unexplained_.insert(one.ends);
    }
    verdict_.hidden_changes += of_a_key.size();
  }

  [[nodiscard]] order_violation name_of_unexplained(need const& one) const {
    auto const is_event = one.shows != nobody && operation(one.shows).what == deed::event;
    if (one.what == kind::add) return order_violation::lost_update;
    if (one.what == kind::put) return one.takes_room ? order_violation::wrong_status : order_violation::foreign_value;
    if (is_event) return order_violation::foreign_change;
    if (operation(one.shows).what == deed::list) return order_violation::stale_list;
    auto const creates = [&](std::size_t number) {
      if (number == nobody || operation(number).what != deed::put) return false;
      auto const states = [&](kind what) {
        return std::any_of(begin_of(number), end_of(number),
                           [&](auto const& part) { return part.what == what && part.key == one.key; });
      };
      return states(kind::none) && states(kind::put);
    };
    return creates(one.before) && creates(one.shows) ? order_violation::created_twice : order_violation::lost_write;
  }

  /// Checks that every hidden change can have a revision of its own.
  void find_room() {
    std::erase_if(needs_, [](auto const& one) { return !one.takes_room; });
    if (needs_.empty()) return;
    std::vector<revision_number> taken, free_behind;
    for (auto const number : by_revision_) taken.push_back(changes_[number].revision);
    taken.erase(std::ranges::unique(taken).begin(), taken.end());
    free_behind.resize(taken.size());
    for (auto i = taken.size(); i-- > 0;)
      free_behind[i] = i + 1 < taken.size() && taken[i + 1] == taken[i] + 1 ? free_behind[i + 1] : taken[i] + 1;
    auto const first_free = [&](revision_number from) {
      auto const found = std::ranges::lower_bound(taken, from);
      return found == taken.end() || *found != from ? from
                                                    : free_behind[static_cast<std::size_t>(found - taken.begin())];
    };
    std::ranges::stable_sort(needs_, {}, &need::after);
    auto const is_later = [this](std::size_t one, std::size_t other) {
      return needs_[one].until > needs_[other].until;
    };
    std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(is_later)> open(is_later);
    revision_number now = 0;
    for (std::size_t next = 0; next < needs_.size() || !open.empty();) {
      if (open.empty()) now = std::max(now, needs_[next].after + 1);
      now = first_free(now);
      while (next < needs_.size() && needs_[next].after < now) open.push(next++);
      auto const& one = needs_[open.top()];
      open.pop();
      if (now > one.until) {
        accuse(name_of_unexplained(one), one.key, {one.before, one.shows});
      } else {
        ++now;
      }
    }
  }

  // Watches.

  void follow_watchers() {
    for (auto const& one : whole_.watchers) {
      auto last = one.from;
      auto next = std::ranges::upper_bound(by_revision_, one.from, {},
                                           [this](auto number) { return changes_[number].revision; });
      for (auto const number : one.operations) {
        auto const at = operation(number).at;
        if (at <= last) {
          accuse(order_violation::repeated_change, begin_of(number)->key, {number});
          continue;
        }
        for (; next != by_revision_.end() && changes_[*next].revision < at; ++next)
          accuse(order_violation::missed_change, changes_[*next].key, {changes_[*next].operation, number});
        while (next != by_revision_.end() && changes_[*next].revision == at) ++next;
        last = at;
      }
      for (; one.is_whole && next != by_revision_.end(); ++next)
        accuse(order_violation::missed_change, changes_[*next].key, {changes_[*next].operation});
    }
  }

  struct reached {
    instant responded;
    revision_number place;
  };
  struct nameless_version {
    key_number key;
    revision_number revision;
    std::size_t operation;
  };

  stated_history const& whole_;
  std::size_t const examples_max_;
  order_verdict verdict_;
  std::unordered_set<key_number> accused_;
  std::vector<change> changes_;             ///< sorted by key, then by revision
  std::vector<std::uint32_t> by_revision_;  ///< indexes into changes_
  std::unordered_map<value_number, std::pair<std::size_t, std::vector<fact>::const_iterator>> puts_of_;
  std::map<std::pair<kind, key_number>, std::vector<candidate>> candidates_;
  std::unordered_map<std::size_t, witness>
      pinned_;  ///< unanswered operations: their first revision, and the operation that shows it
  std::vector<change> unstated_;
  std::vector<nameless_version> nameless_;
  std::map<revision_number, std::size_t> expiries_;  ///< received by watchers
  std::vector<interior> torn_between_;
  std::vector<revision_number> places_;
  std::vector<reached> reached_;
  std::vector<need> needs_;
  std::unordered_set<std::size_t> unexplained_;  ///< changes whose value disappeared without a reason
};

struct described {
  std::string_view name, sentence;
};

constexpr std::array<described, order_violations> descriptions{{
    {"lost_update", "a change was answered and then ignored by what came after it"},
    {"stale_read", "an answer shows a value that had been replaced"},
    {"stale_list", "a list does not show what was there at its revision"},
    {"write_skew", "two transactions each read what the other wrote, as it was before"},
    {"torn_transaction", "a transaction was seen half done"},
    {"lost_write", "a value was stored, nobody removed it, and it was not there"},
    {"created_twice", "a key was created twice, and nobody removed it in between"},
    {"returned_after_delete", "a value was there after it had been removed"},
    {"expired_value", "a value was there after its time"},
    {"time_backwards", "a change has a lower revision than one that was over before it was asked for"},
    {"foreign_value", "an answer shows a value that no request of this run has stored under this key"},
    {"same_revision", "two changes have the same revision"},
    {"applied_twice", "one request was applied twice"},
    {"wrong_refusal", "a request was refused although its condition was met"},
    {"wrong_status", "an answer says that there was a value before, and there can't have been one"},
    {"missed_change", "a watcher was not told of a change"},
    {"repeated_change", "a watcher was told of a change out of order, or twice"},
    {"foreign_change", "a watcher was told of a removal that nobody asked for"},
}};

}  // namespace

std::string name_of_key(key_number key) {
  return (key & counter_keys) == 0 ? std::to_string(key) : 'c' + std::to_string(key & ~counter_keys);
}

bool is_listed_before(key_number one, key_number other) {
  if (one == other) return false;
  if (((one ^ other) & counter_keys) != 0) return (one & counter_keys) == 0;
  auto const digits = [](key_number number) {
    int count = 1;
    while ((number /= 10) != 0) ++count;
    return count;
  };
  // Compare as text: pad the shorter one with a character that sorts before digits.
  std::uint64_t left = one & ~counter_keys, right = other & ~counter_keys;
  auto const left_digits = digits(static_cast<key_number>(left)), right_digits = digits(static_cast<key_number>(right));
  for (auto i = left_digits; i < right_digits; ++i) left *= 10;
  for (auto i = right_digits; i < left_digits; ++i) right *= 10;
  return left != right ? left < right : left_digits < right_digits;
}

std::string_view name_of(order_violation kind) noexcept {
  return descriptions[static_cast<std::size_t>(kind)].name;
}

std::string_view sentence_for(order_violation kind) noexcept {
  return descriptions[static_cast<std::size_t>(kind)].sentence;
}

stated_history restricted(stated_history const& whole, std::vector<std::size_t> const& operations) {
  stated_history part;
  for (auto const number : operations) {
    auto one = whole.operations[number];
    auto const begin = part.facts.size();
    part.facts.insert(part.facts.end(), whole.facts.begin() + static_cast<std::ptrdiff_t>(one.facts_begin),
                      whole.facts.begin() + static_cast<std::ptrdiff_t>(one.facts_end));
    one.facts_begin = begin;
    one.facts_end = part.facts.size();
    part.operations.push_back(one);
  }
  return part;
}

namespace {

/// Removes operations that are not needed to show the same violation.
void shorten(stated_history const& whole, order_example& example) {
  auto const is_answered = [&](auto number) { return whole.operations[number].responded != never; };
  if (!std::ranges::all_of(example.operations, is_answered)) return;  // all unanswered operations matter
  // A previous count, or the existence of another put, is not visible in any single operation.
  if ((example.key & counter_keys) != 0 || example.kind == order_violation::wrong_status) return;
  for (std::size_t i = 0; example.operations.size() > 1 && i < example.operations.size();) {
    auto rest = example.operations;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    auto const judged = order_check(restricted(whole, rest), SIZE_MAX).run();
    auto const shows_it = std::ranges::any_of(
        judged.examples, [&](auto const& one) { return one.kind == example.kind && one.key == example.key; });
    if (shows_it) {
      example.operations = std::move(rest);
    } else {
      ++i;
    }
  }
}

}  // namespace

order_verdict check_stated_order(stated_history const& whole, std::size_t examples_max) {
  auto verdict = order_check(whole, examples_max).run();
  for (auto& one : verdict.examples) shorten(whole, one);
  return verdict;
}

}  // namespace holdfast::client::verify
