#include "client/load/verify/verification.hpp"

#include <algorithm>

#include "client/load/verify/checker.hpp"
#include "client/load/verify/timeline.hpp"

namespace holdfast::client::verify {
namespace {

using clock = std::chrono::steady_clock;

/// Needs about a hundred megabytes.
constexpr std::size_t configurations_max = 1'000'000;

/// All requests, sorted by key.
class by_key {
 public:
  explicit by_key(recorded_run const& run) {
    std::uint32_t last = 0;
    std::uint64_t count = 0;
    for_each(run, [&](recorded_request const& one) {
      last = std::max(last, one.key);
      ++count;
    });
    if (count == 0) return;
    starts_.resize(last + 2);
    for_each(run, [&](recorded_request const& one) { ++starts_[one.key + 1]; });
    for (std::size_t key = 1; key < starts_.size(); ++key) starts_[key] += starts_[key - 1];
    requests_.resize(count);
    auto next = starts_;
    for_each(run, [&](recorded_request const& one) { requests_[next[one.key]++] = &one; });
  }

  [[nodiscard]] std::uint32_t keys() const {
    return starts_.empty() ? 0 : static_cast<std::uint32_t>(starts_.size() - 1);
  }
  [[nodiscard]] std::span<recorded_request const* const> of(std::uint32_t key) const {
    return std::span(requests_).subspan(starts_[key], starts_[key + 1] - starts_[key]);
  }

 private:
  template <class Visit>
  static void for_each(recorded_run const& run, Visit visit) {
    for (auto const& thread : run.threads) {
      for (std::uint64_t number = 0; number < thread->count(); ++number) visit(thread->at(number));
    }
  }

  std::vector<std::size_t> starts_;
  std::vector<recorded_request const*> requests_;
};

/// A remark about a value that no put of this key has written.
std::string remark_on(value_number foreign, by_key const& requests, std::span<value_number const> first_values) {
  if (foreign == no_value_of_ours) return "It is no value that this run puts.";
  auto const elsewhere = [](std::uint32_t key) { return "It was put under key " + std::to_string(key) + '.'; };
  if (auto const at = std::ranges::find(first_values, foreign); at != first_values.end())
    return elsewhere(static_cast<std::uint32_t>(at - first_values.begin()));
  for (std::uint32_t key = 0; key < requests.keys(); ++key) {
    for (auto const* one : requests.of(key)) {
      if (one->kind != load::operation_kind::put || one->value != foreign) continue;
      return one->known == recorded_request::outcome::refused ? "Its put was refused." : elsewhere(key);
    }
  }
  return "Nobody has put it in this run.";
}

std::string remark_on(counter_example const& found, by_key const& requests,
                      std::span<value_number const> first_values) {
  if (found.kind != violation::foreign_value) return {};
  for (auto const& one : found.shown.operations) {
    if (!is_write(one) && one.value != absent) return remark_on(one.value, requests, first_values);
  }
  return {};
}

history history_of(std::span<recorded_request const* const> requests, value_number first) {
  history made{first, {}};
  made.operations.reserve(requests.size());
  for (auto const* one : requests) {
    if (auto const seen = one->on_its_key()) made.operations.push_back(*seen);
  }
  sort_by_invocation(made.operations);
  return made;
}

lock_audit audit(by_key const& requests) {
  std::vector<lock_use> uses;
  for (std::uint32_t key = 0; key < requests.keys(); ++key) {
    for (auto const* one : requests.of(key)) {
      if (auto const use = one->of_lock()) uses.push_back(*use);
    }
  }
  return audit_lock_order(std::move(uses));
}

std::string_view name_of(action what) {
  constexpr std::string_view names[] = {"read", "create", "replace", "write", "remove", "erase"};
  return names[static_cast<std::size_t>(what)];
}

violation_example example_of(std::uint32_t key, counter_example const& found, std::string remark) {
  violation_example made{.key = std::to_string(key),
                         .kind = name_of(found.kind),
                         .sentence = sentence_for(found.kind),
                         .remark = std::move(remark),
                         .timeline = draw(found),
                         .is_minimal = found.is_minimal,
                         .initial = found.shown.initial,
                         .operations = {}};
  for (auto const& one : found.shown.operations)
    made.operations.push_back({one.connection, std::string(name_of(one.what)), one.value, one.invoked, one.responded});
  return made;
}

violation_example example_of(stated_history const& whole, order_example const& found, std::string remark) {
  violation_example made{.key = found.key == no_key ? std::string() : name_of_key(found.key),
                         .kind = name_of(found.kind),
                         .sentence = sentence_for(found.kind),
                         .remark = std::move(remark),
                         .timeline = draw(whole, found),
                         .operations = {}};
  for (auto const number : found.operations) {
    auto const& one = whole.operations[number];
    made.operations.push_back(
        {one.connection, describe(whole, number, {found.key}), absent, one.invoked, one.responded});
  }
  return made;
}

/// The foreign value in an example.
std::optional<value_number> foreign_value_in(stated_history const& whole, order_example const& found) {
  if (found.kind != order_violation::foreign_value || found.operations.empty()) return std::nullopt;
  auto const& one = whole.operations[found.operations.back()];
  for (auto at = one.facts_begin; at < one.facts_end; ++at) {
    auto const& stated = whole.facts[at];
    if (stated.what == fact::kind::version && stated.key == found.key && stated.value != not_shown) return stated.value;
  }
  return std::nullopt;
}

void check_each_key(recorded_run const& run, by_key const& requests, effort const& limits, verification& verified) {
  for (std::uint32_t key = 0; key < requests.keys(); ++key) {
    auto const asked = requests.of(key);
    if (asked.empty()) continue;
    auto const first = key < run.first_values.size() ? run.first_values[key] : absent;
    auto const whole = history_of(asked, first);
    ++verified.keys;
    verified.operations += whole.operations.size();
    verified.unanswered += static_cast<std::uint64_t>(
        std::ranges::count_if(whole.operations, [](auto const& one) { return !is_certain(one); }));
    auto const judged = clock::now() < limits.until ? check(whole, limits) : verdict::undecided;
    verified.undecided_keys += judged == verdict::undecided;
    if (judged != verdict::violated) continue;
    ++verified.violated_keys;
    if (verified.examples.size() >= verification::examples_max) continue;
    auto found = minimize(whole);
    auto remark = remark_on(found, requests, run.first_values);
    verified.examples.push_back(example_of(key, found, std::move(remark)));
  }
}

/// Adds the events received by the watchers of a run.
void append_events(recorded_run const& run, stated_history& to) {
  revision_number latest = 0;
  for (auto const& one : to.operations) latest = std::max(latest, one.at);
  auto connection = run.first_watcher;
  for (auto const& watcher : run.watched->logs) {
    for (auto const& stream : watcher) {
      watched told{.from = stream.from, .operations = {}};
      for (auto const& event : stream.events) {
        told.operations.push_back(to.operations.size());
        to.facts.push_back(event.stated);
        to.operations.push_back({.what = deed::event,
                                 .invoked = event.arrived,
                                 .responded = event.arrived,
                                 .connection = connection,
                                 .at = event.stated.at,
                                 .facts_begin = to.facts.size() - 1,
                                 .facts_end = to.facts.size()});
      }
      // A watcher's last stream must be complete up to the last change, if it was given enough time. On a busy machine
      // the time may have been too short, and events that are still pending are not missing.
      auto const has_come_to_the_end = !stream.events.empty() && stream.events.back().stated.at >= latest;
      told.is_whole = run.watched->is_settled && &stream == &watcher.back() && has_come_to_the_end;
      to.watchers.push_back(std::move(told));
    }
    ++connection;
  }
}

/// All that were asked for or shown, also those that only a transaction or a list has touched.
std::uint64_t count_keys(stated_history const& whole, by_key const& requests) {
  std::vector<key_number> keys;
  keys.reserve(whole.facts.size() + requests.keys());
  for (auto const& one : whole.facts) keys.push_back(one.key & ~counter_keys);
  for (std::uint32_t key = 0; key < requests.keys(); ++key) {
    if (!requests.of(key).empty()) keys.push_back(key);
  }
  std::ranges::sort(keys);
  return static_cast<std::uint64_t>(std::ranges::unique(keys).begin() - keys.begin());
}

void check_all_together(recorded_run const& run, by_key const& requests, verification& verified) {
  stated_history whole;
  for (std::uint32_t key = 0; key < run.first_values.size(); ++key)
    whole.initial.push_back({key, run.first_revisions[key], run.first_values[key]});
  for (auto const& thread : run.threads) thread->append_to(whole);
  verified.operations = whole.operations.size();
  for (auto const& one : whole.operations) verified.unanswered += one.responded == never;
  verified.keys = count_keys(whole, requests);
  if (run.watched != nullptr) append_events(run, whole);
  verified.events = whole.operations.size() - verified.operations;
  auto const judged = check_stated_order(whole, verification::examples_max);
  verified.changes = judged.changes;
  verified.hidden_changes = judged.hidden_changes;
  verified.contradictions = judged.violations;
  verified.violated_keys = judged.violated_keys;
  for (auto const& one : judged.examples) {
    auto const foreign = foreign_value_in(whole, one);
    verified.examples.push_back(
        example_of(whole, one, foreign ? remark_on(*foreign, requests, run.first_values) : std::string()));
  }
}

/// True if the answers came from several databases.
bool was_replaced(recorded_run const& run) {
  std::optional<std::uint64_t> first;
  for (auto const& thread : run.threads) {
    auto const of_thread = thread->first_database();
    if (thread->has_seen_another_database() || (first && of_thread && *first != *of_thread)) return true;
    if (of_thread) first = of_thread;
  }
  return false;
}

proof best_proof(recorded_run const& run) {
  auto const all = [&](auto is) {
    return std::ranges::all_of(run.threads, [&](auto const& thread) { return is(*thread); });
  };
  auto const knows_first = run.first_revisions.size() == run.first_values.size() &&
                           std::ranges::find(run.first_revisions, 0U) == run.first_revisions.end();
  if (knows_first && all(std::mem_fn(&recorder::states_revisions))) return proof::by_revision;
  return all(std::mem_fn(&recorder::is_of_single_keys)) ? proof::by_key : proof::none;
}

}  // namespace

verification verify_run(recorded_run const& run) {
  auto const began = clock::now();
  effort const limits{.configurations_max = configurations_max, .until = began + run.time_max};
  verification verified;
  by_key const requests(run);
  verified.was_replaced = was_replaced(run);
  verified.proof = verified.was_replaced ? proof::none : best_proof(run);
  switch (verified.proof) {
    case proof::by_revision:
      check_all_together(run, requests, verified);
      break;
    case proof::by_key:
      check_each_key(run, requests, limits, verified);
      break;
    case proof::none:
      verified.verdict = verdict::undecided;
      break;
  }
  if (verified.violated_keys != 0 || verified.contradictions != 0) {
    verified.verdict = verdict::violated;
  } else if (verified.undecided_keys != 0) {
    verified.verdict = verdict::undecided;
  }
  verified.was_full = std::ranges::any_of(run.threads, [](auto const& thread) { return thread->is_full(); });
  if (!verified.was_replaced) verified.locks = audit(requests);
  verified.took = clock::now() - began;
  return verified;
}

}  // namespace holdfast::client::verify
