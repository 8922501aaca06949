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
#include "client/load/watch_pool.hpp"

namespace holdfast::client::verify {

/// All requests that the runs of this client record together, at most: a gigabyte, with what checking them takes.
constexpr std::uint64_t requests_max = 20'000'000;

/// Answers that no correct server gives.
struct violation_example {
  /// An operation in it, as reports have it.
  struct operation {
    std::uint32_t connection = 0;
    std::string action;
    value_number value = absent;
    instant invoked = 0, responded = never;
  };

  std::string key;  ///< behind the run's prefix
  std::string_view kind, sentence;
  std::string remark;      ///< for people: what more is known of a foreign value; may be empty
  std::string timeline;    ///< as draw() makes it
  bool is_minimal = true;  ///< else the effort did not suffice to show it
  value_number initial = absent;
  std::vector<operation> operations;
};

/// What was proved.
enum class proof : std::uint8_t {
  by_revision,  ///< all operations together are strictly serializable, in the order of the revisions that answers state
  by_key,       ///< each key by itself is linearizable: not all answers state revisions
  none,         ///< answers do not state revisions, and there were operations on several keys, or values that expire
};

/// What the answers of a run prove.
struct verification {
  verify::verdict verdict = verdict::linearizable;  ///< of the values; `locks` has its own
  verify::proof proof = proof::by_key;
  std::uint64_t changes = 0;         ///< by_revision: that were replayed
  std::uint64_t hidden_changes = 0;  ///< by_revision: that no answer or event shows: expiries, unanswered writes
  std::uint64_t events = 0;          ///< by_revision: of watchers
  std::uint64_t operations = 0;      ///< that were judged
  std::uint64_t unanswered = 0;      ///< of these, puts and deletes of which it isn't known whether they happened
  std::uint64_t keys = 0;            ///< that were asked for
  std::uint64_t violated_keys = 0;   ///< by_revision: violations
  std::uint64_t undecided_keys = 0;
  std::vector<violation_example> examples;  ///< of the first violations
  bool was_replaced = false;                ///< the database was another one from some moment on: nothing is judged
  bool was_full = false;                    ///< the run ended early since it had requests_max requests
  lock_audit locks;
  std::chrono::nanoseconds took{0};

  [[nodiscard]] bool is_violated() const { return verdict == verdict::violated || locks.is_broken(); }

  static constexpr std::size_t examples_max = 3;
};

/// What is verified.
struct recorded_run {
  std::span<std::unique_ptr<recorder> const> threads;
  std::span<value_number const> first_values;        ///< by key, as stored before the run; keys behind had none
  std::span<std::uint64_t const> first_revisions{};  ///< of these values; 0 where it is not known
  load::watch_report const* watched = nullptr;       ///< what watchers received, if there were any
  std::uint32_t first_watcher = 0;                   ///< the first one's number among the connections
  std::chrono::nanoseconds time_max{};               ///< for deciding; keys that it does not suffice for are undecided
};

/// Checks all answers together where each states its revision, else the history of each key; shows the first
/// violations, and audits the order of the lock.
[[nodiscard]] verification verify_run(recorded_run const& run);

/// For people: the verdict in a line or two, counter-examples below. Ends with a line feed.
[[nodiscard]] std::string text_of(verification const& verified, std::string const& key_prefix);

/// The same as one JSON object:
///
///     verdict           linearizable, violated or undecided
///     proof             by_revision (strictly serializable, all operations together), by_key (linearizable, each key
///                       by itself) or none
///     operations, unanswered, keys, violated_keys, undecided_keys, was_full, was_replaced, took_ms
///     changes, hidden_changes, events   of a proof by_revision
///     violations        the first ones: [{key, kind, remark, minimal, initial, timeline (text), operations:
///                       [{connection, action, value, invoked_ms, responded_ms (null: never)}]}]; by_key an action is
///                       read, create, replace, write, remove or erase, and a value 16 hexadecimal digits of a JSON
///                       string that was put, behind the 8 of its key; null: none. by_revision an action is a text
///     lock_order        {broken, timed, implausible, judged_pairs, broken_pairs, judged_revisions, broken_revisions,
///                       margin_ms (of the clearest broken pair, or null)}
[[nodiscard]] std::string json_of(verification const& verified, std::string const& key_prefix);

}  // namespace holdfast::client::verify
