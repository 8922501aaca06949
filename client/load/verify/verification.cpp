#include "client/load/verify/verification.hpp"

#include <algorithm>

#include "client/load/verify/checker.hpp"

namespace holdfast::client::verify {
namespace {

using clock = std::chrono::steady_clock;

/// A hundred megabytes of configurations.
constexpr std::size_t configurations_max = 1'000'000;

/// All requests in the order of their keys.
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

/// What is known of a value that no put of this key has written.
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

}  // namespace

verification verify_run(recorded_run const& run) {
  auto const began = clock::now();
  effort const limits{.configurations_max = configurations_max, .until = began + run.time_max};
  verification verified;
  by_key const requests(run);
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
    verified.examples.push_back({key, std::move(found), std::move(remark)});
  }
  if (verified.violated_keys != 0) {
    verified.verdict = verdict::violated;
  } else if (verified.undecided_keys != 0) {
    verified.verdict = verdict::undecided;
  }
  verified.was_full = std::ranges::any_of(run.threads, [](auto const& thread) { return thread->is_full(); });
  verified.locks = audit(requests);
  verified.took = clock::now() - began;
  return verified;
}

}  // namespace holdfast::client::verify
