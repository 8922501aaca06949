#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "client/load/verify/lock_order.hpp"
#include "client/load/verify/minimizer.hpp"
#include "client/load/verify/recorder.hpp"
#include "client/load/verify/search.hpp"

namespace holdfast::client::verify {

/// All requests that the runs of this client record together, at most: a gigabyte, with what checking them takes.
constexpr std::uint64_t requests_max = 20'000'000;

/// A key whose answers can't be explained.
struct violated_key {
  std::uint32_t key = 0;  ///< its number
  counter_example found;
  std::string remark;  ///< for people: what more is known of a foreign value; may be empty
};

/// What the answers of a run prove.
struct verification {
  verify::verdict verdict = verdict::linearizable;  ///< of the values; `locks` has its own
  std::uint64_t operations = 0;                     ///< that were judged
  std::uint64_t unanswered = 0;  ///< of these, puts and deletes of which it isn't known whether they happened
  std::uint64_t keys = 0;        ///< that were asked for
  std::uint64_t violated_keys = 0;
  std::uint64_t undecided_keys = 0;
  std::vector<violated_key> examples;  ///< of the first violated keys
  bool was_full = false;               ///< the run ended early since it had requests_max requests
  lock_audit locks;
  std::chrono::nanoseconds took{0};

  [[nodiscard]] bool is_violated() const { return verdict == verdict::violated || locks.is_broken(); }

  static constexpr std::size_t examples_max = 3;
};

/// What is verified.
struct recorded_run {
  std::span<std::unique_ptr<recorder> const> threads;
  std::span<value_number const> first_values;  ///< by key, as stored before the run; keys behind had none
  std::chrono::nanoseconds time_max;           ///< for deciding; keys that it does not suffice for are undecided
};

/// Checks the history of each key, shows the first violations, and audits the order of the lock.
[[nodiscard]] verification verify_run(recorded_run const& run);

/// For people: the verdict in a line or two, counter-examples below. Ends with a line feed.
[[nodiscard]] std::string text_of(verification const& verified, std::string const& key_prefix);

/// The same as one JSON object:
///
///     verdict           linearizable, violated or undecided
///     operations, unanswered, keys, violated_keys, undecided_keys, was_full, took_ms
///     violations        of the first keys: [{key, kind, remark, minimal, initial, timeline (text), operations:
///                       [{connection, action (read, create, replace, write, remove, erase), value, invoked_ms,
///                       responded_ms (null: never)}]}]; a value is 16 hexadecimal digits of a JSON string that was
///                       put, behind the 8 of its key; null: none
///     lock_order        {broken, timed, implausible, judged_pairs, broken_pairs, judged_revisions, broken_revisions,
///                       margin_ms (of the clearest broken pair, or null)}
[[nodiscard]] std::string json_of(verification const& verified, std::string const& key_prefix);

}  // namespace holdfast::client::verify
