#include "tests/client/verify/simulated_run.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace holdfast::client::verify {
namespace {

using kind = fact::kind;
using fault = simulated_fault;

constexpr instant ms = 1'000'000;

struct entry {
  value_number value = absent;
  revision_number revision = 0;
  instant ends = never;
};
using state = std::map<key_number, entry>;

class simulated_store {
 public:
  simulated_store(std::mt19937& random, simulation const& how) : random_(random), how_(how) {}

  stated_history run() {
    for (key_number key = 0; key < how_.keys; ++key) {
      if (key % 3 == 2) continue;
      now_[key] = {.value = fresh_, .revision = ++revision_};
      made_.initial.push_back({key, revision_, fresh_++});
    }
    states_.push_back(now_);
    made_.watchers.push_back({.from = revision_, .operations = {}});
    struct asked {
      instant invoked, takes_effect, responded;
      std::uint32_t connection;
    };
    std::vector<asked> all;
    std::vector<instant> free_at(how_.connections);
    for (std::size_t i = 0; i < how_.operations; ++i) {
      auto const first = std::ranges::min_element(free_at);
      auto const invoked = *first + up_to(4 * ms);
      auto const takes_effect = invoked + up_to(5 * ms);
      auto const responded = takes_effect + up_to(5 * ms);
      *first = responded + 1;
      all.push_back({invoked, takes_effect, responded, static_cast<std::uint32_t>(first - free_at.begin())});
    }
    std::ranges::shuffle(all, random_);
    std::ranges::stable_sort(all, {}, &asked::takes_effect);
    for (auto const& one : all) {
      time_ = one.takes_effect;
      expire();
      observation made{.invoked = one.invoked, .responded = one.responded, .connection = one.connection};
      made.facts_begin = made_.facts.size();
      auto const is_lost = chance(how_.unanswered_share);
      if (is_lost && chance(0.5)) {
        // Never arrives; what it would have done is all that is known of it.
        auto const before = now_;
        auto const noted = noted_;
        auto const revision = revision_;
        auto const events = made_.operations.size();
        auto const watched = made_.watchers[0].operations.size();
        act(made);
        events_.clear();
        now_ = before;
        noted_ = noted;
        revision_ = revision;
        made_.operations.resize(events);
        made_.watchers[0].operations.resize(watched);
      } else {
        act(made);
      }
      made.facts_end = made_.facts.size();
      if (is_lost) forget_answer(made);
      made_.operations.push_back(made);
      tell_watcher();
      states_.push_back(now_);
    }
    return std::move(made_);
  }

 private:
  instant up_to(instant most) { return std::uniform_int_distribution<instant>(0, most)(random_); }
  bool chance(double share) { return std::bernoulli_distribution(share)(random_); }
  key_number any_key() { return static_cast<key_number>(up_to(how_.keys - 1)); }
  bool fails(fault what) { return how_.fault == what && chance(0.4); }

  void state_fact(fact const& one) { made_.facts.push_back(one); }

  void expire() {
    while (true) {
      auto const due = std::ranges::min_element(now_, {}, [](auto const& one) { return one.second.ends; });
      if (due == now_.end() || due->second.ends > time_) return;
      if (how_.fault == fault::late_expiry) {
        if (due->second.ends + 30 * ms > time_) return;
      }
      events_.push_back({.what = kind::expire, .key = due->first, .at = ++revision_});
      now_.erase(due);
      tell_watcher();
    }
  }

  void store(key_number key, bool with_end = true) {
    auto const ttl = how_.expires && with_end && chance(0.3) ? 10 * ms + up_to(20 * ms) : 0;
    now_[key] = {.value = fresh_, .revision = ++revision_, .ends = ttl == 0 ? never : time_ + ttl};
    state_fact({.what = kind::put, .key = key, .at = revision_, .value = fresh_, .extra = ttl});
    events_.push_back({.what = kind::version, .key = key, .at = revision_, .version = revision_, .value = fresh_++});
  }

  void state_before(key_number key, state const& seen, revision_number at) {
    auto const found = seen.find(key);
    state_fact({.what = found == seen.end() ? kind::none : kind::some, .key = key, .at = at});
  }

  void state_version(key_number key, state const& seen, revision_number at) {
    auto const found = seen.find(key);
    if (found == seen.end()) return state_fact({.what = kind::none, .key = key, .at = at});
    auto value = found->second.value;
    if (fails(fault::wrong_value) && seen.size() > 1)
      value = (found == seen.begin() ? *seen.rbegin() : *seen.begin()).second.value;
    state_fact({.what = kind::version, .key = key, .at = at, .version = found->second.revision, .value = value});
  }

  state const& some_states_ago() {
    return states_[states_.size() - 1 -
                   static_cast<std::size_t>(up_to(std::min<instant>(4, static_cast<instant>(states_.size()) - 1)))];
  }

  void act(observation& made) {
    auto const drawn = up_to(99);
    auto const key = any_key();
    if (drawn < 22) return get(made, key);
    if (drawn < 38) return put(made, key);
    if (drawn < 46) return create(made, key);
    if (drawn < 58) return replace_if(made, key);
    if (drawn < 66 && how_.deletes) return remove(made, key);
    if (drawn < 80) return list(made);
    if (drawn < 92) return transaction(made, key);
    return increment(made, key);
  }

  void get(observation& made, key_number key) {
    made.what = deed::get;
    auto const& seen = fails(fault::stale_read) ? some_states_ago() : now_;
    if (!seen.contains(key)) {
      made.at = revision_;
      return state_fact({.what = kind::none, .key = key, .at = revision_});
    }
    state_version(key, seen, 0);
    noted_[key] = seen.at(key).revision;
  }

  void put(observation& made, key_number key) {
    made.what = deed::put;
    state_before(key, now_, revision_);
    if (fails(fault::lost_write) || fails(fault::ignored_put)) {
      state_fact({.what = kind::put, .key = key, .at = ++revision_, .value = fresh_++});
      if (how_.fault == fault::lost_write) now_.erase(key);
    } else {
      auto const late = fails(fault::late_revision);
      if (late) revision_ -= std::min<revision_number>(revision_ - 1, 3);
      store(key);
    }
    made.at = revision_;
  }

  void create(observation& made, key_number key) {
    made.what = deed::put;
    if (now_.contains(key) && !fails(fault::created_twice)) {
      made.at = revision_;
      state_version(key, now_, revision_);
      made_.facts.back().value = not_shown;  // only its tag is shown
      return state_fact({.what = kind::condition, .key = key, .at = revision_, .version = 0});
    }
    if (fails(fault::wrong_refusal)) {
      made.at = revision_;
      state_before(key, now_, revision_);
      return state_fact({.what = kind::condition, .key = key, .at = revision_, .version = 0});
    }
    state_fact({.what = kind::none, .key = key, .at = revision_});
    store(key, false);
    made.at = revision_;
  }

  void replace_if(observation& made, key_number key) {
    made.what = deed::put;
    auto const wanted = noted_[key];
    if (wanted == 0) return get(made, key);
    auto const found = now_.find(key);
    auto const is_met = found != now_.end() && found->second.revision == wanted;
    if ((is_met && !fails(fault::wrong_refusal)) || (!is_met && fails(fault::lost_update))) {
      state_fact({.what = kind::version, .key = key, .at = revision_, .version = wanted});
      store(key);
      made.at = noted_[key] = revision_;
      return;
    }
    made.at = revision_;
    state_version(key, now_, revision_);
    if (found != now_.end()) made_.facts.back().value = not_shown;
    state_fact({.what = kind::condition, .key = key, .at = revision_, .version = wanted});
  }

  void remove(observation& made, key_number key) {
    made.what = deed::remove;
    state_before(key, now_, revision_);
    if (now_.contains(key)) {
      if (!fails(fault::undeleted)) now_.erase(key);
      state_fact({.what = kind::remove, .key = key, .at = ++revision_});
      events_.push_back({.what = kind::gone, .key = key, .at = revision_});
    }
    made.at = revision_;
  }

  void list(observation& made) {
    made.what = deed::list;
    made.at = revision_;
    auto seen = fails(fault::stale_list) ? some_states_ago() : now_;
    if (how_.fault == fault::torn_transaction && half_ && chance(0.5)) {
      seen = half_->first;
      made.at = half_->second;
      half_.reset();
    }
    auto const limit = 1 + up_to(how_.keys);
    if (chance(0.7)) made.after = any_key();
    made.to_the_end = true;
    instant listed = 0;
    auto const leaves_out = fails(fault::incomplete_list);
    for (auto const& [key, value] : seen) {  // ten keys at most, so numbers are in the order of their names
      if (made.after != no_key && !is_listed_before(made.after, key)) continue;
      if (listed == limit) {
        made.to_the_end = false;
        break;
      }
      ++listed;
      if (leaves_out && listed == 1 && value.ends == never) continue;
      state_fact({.what = kind::version, .key = key, .at = made.at, .version = value.revision, .value = value.value});
    }
  }

  /// Reads two keys and writes one or both of them.
  void transaction(observation& made, key_number key) {
    made.what = deed::transaction;
    auto const other = (key + 1) % how_.keys;
    if (other == key) return get(made, key);
    auto const& seen = fails(fault::write_skew) ? some_states_ago() : now_;
    state_version(key, seen, revision_);
    state_version(other, now_, revision_);
    state_before(other, now_, revision_);
    store(other);
    if (chance(0.5)) {
      half_ = std::pair(now_, revision_);
      state_before(key, now_, revision_);
      store(key);
      state_version(key, now_, revision_);
    }
    made.at = revision_;
  }

  void increment(observation& made, key_number key) {
    made.what = deed::increment;
    auto const counter = (key % 2) | counter_keys;
    auto const found = now_.find(counter);
    auto const before = found == now_.end() ? 0 : found->second.value;
    auto const after = before + (before > 0 && fails(fault::lost_increment) ? 0 : 1);
    now_[counter] = {.value = after, .revision = ++revision_};
    state_fact({.what = kind::add, .key = counter, .at = revision_, .value = after, .extra = 1});
    events_.push_back({.what = kind::version, .key = counter, .at = revision_, .version = revision_, .value = after});
    made.at = revision_;
  }

  void tell_watcher() {
    for (auto const& event : events_) {
      if (fails(fault::missed_event)) continue;
      for (auto times = fails(fault::repeated_event) ? 2 : 1; times > 0; --times) {
        auto const begin = made_.facts.size();
        state_fact(event);
        made_.watchers[0].operations.push_back(made_.operations.size());
        auto const arrived = time_ + up_to(3 * ms);
        made_.operations.push_back({.what = deed::event,
                                    .invoked = arrived,
                                    .responded = arrived,
                                    .connection = how_.connections,
                                    .at = event.at,
                                    .facts_begin = begin,
                                    .facts_end = begin + 1});
      }
    }
    events_.clear();
  }

  /// Leaves what was asked for.
  void forget_answer(observation& made) {
    auto const begin = made_.facts.begin() + static_cast<std::ptrdiff_t>(made.facts_begin);
    made_.facts.erase(std::remove_if(begin, made_.facts.end(), [](auto const& one) { return !is_change(one); }),
                      made_.facts.end());
    // A delete that found nothing was a delete all the same.
    for (auto at = begin; at != made_.facts.end(); ++at) at->at = 0;
    made.facts_end = made_.facts.size();
    made.responded = never;
    made.at = 0;
    if (made.what == deed::put && how_.fault == fault::double_apply && made.facts_end != made.facts_begin) {
      auto const& asked = made_.facts[made.facts_begin];
      for (int times = 0; times < 2; ++times) {
        now_[asked.key] = {.value = asked.value, .revision = ++revision_};
        events_.push_back(
            {.what = kind::version, .key = asked.key, .at = revision_, .version = revision_, .value = asked.value});
      }
    }
  }

  std::mt19937& random_;
  simulation const& how_;
  stated_history made_;
  state now_;
  std::vector<state> states_;
  std::map<key_number, revision_number> noted_;
  std::optional<std::pair<state, revision_number>> half_;
  std::vector<fact> events_;
  instant time_ = 0;
  revision_number revision_ = 0;
  value_number fresh_ = 1;
};

}  // namespace

stated_history simulate(std::mt19937& random, simulation const& how) {
  return simulated_store(random, how).run();
}

}  // namespace holdfast::client::verify
