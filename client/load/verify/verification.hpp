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

/// Limit for all recorded requests of this client's runs: about a gigabyte, including the memory for checking.
constexpr std::uint64_t requests_max = 20'000'000;

/// Answers that are impossible for a correct server.
struct violation_example {
  /// An operation in it, as reported.
  struct operation {
    std::uint32_t connection = 0;
    std::string action;
    value_number value = absent;
    instant invoked = 0, responded = never;
  };

  std::string key;  ///< without the run's prefix
  std::string_view kind, sentence;
  std::string remark;      ///< more about a foreign value, as text; may be empty
  std::string timeline;    ///< the result of draw()
  bool is_minimal = true;  ///< false if the effort was not sufficient to prove it
  value_number initial = absent;
  std::vector<operation> operations;
};

/// The kind of proof.
enum class proof : std::uint8_t {
  by_revision,  ///< all operations together are strictly serializable, in the order of the revisions in the answers
  by_key,       ///< each key by itself is linearizable; not all answers state revisions
  none,         ///< answers state no revisions, and operations affected several keys, or values expired
};

/// What the answers of a run prove.
struct verification {
  verify::verdict verdict = verdict::linearizable;  ///< about the values; `locks` has its own
  verify::proof proof = proof::by_key;
  std::uint64_t changes = 0;  ///< by_revision: replayed changes
  std::uint64_t hidden_changes =
      0;                         ///< by_revision: changes not shown by answers or events: expiries, unanswered writes
  std::uint64_t events = 0;      ///< by_revision: events received by watchers
  std::uint64_t operations = 0;  ///< checked operations
  std::uint64_t unanswered = 0;  ///< puts and deletes among them with unknown effect
  std::uint64_t keys = 0;        ///< keys that were asked for or shown
  std::uint64_t violated_keys = 0;
  std::uint64_t contradictions = 0;  ///< by_revision: violations; one key may have many
  std::uint64_t undecided_keys = 0;
  std::vector<violation_example> examples;  ///< the first violations
  bool was_replaced = false;                ///< the database was replaced during the run: nothing is checked
  bool was_full = false;                    ///< the run ended early after requests_max requests
  lock_audit locks;
  std::chrono::nanoseconds took{0};

  [[nodiscard]] bool is_violated() const { return verdict == verdict::violated || locks.is_broken(); }

  static constexpr std::size_t examples_max = 3;
};

/// The records of a run to verify.
struct recorded_run {
  std::span<std::unique_ptr<recorder> const> threads;
  std::span<value_number const> first_values;        ///< by key, as stored before the run; later keys had none
  std::span<std::uint64_t const> first_revisions{};  ///< of these values; 0 if unknown
  load::watch_report const* watched = nullptr;       ///< events of the watchers, if any
  std::uint32_t first_watcher = 0;                   ///< index of the first watcher among the connections
  std::chrono::nanoseconds time_max{};               ///< time limit; keys not decided within it are undecided
};

/// Checks all answers together if each one states its revision, otherwise the history of each key; shows the first
/// violations, and audits the order of the lock.
[[nodiscard]] verification verify_run(recorded_run const& run);

/// As text: the verdict in one or two lines, then counterexamples. Ends with a line feed.
[[nodiscard]] std::string text_of(verification const& verified, std::string const& key_prefix);

/// As one JSON object:
///
///     verdict           linearizable, violated or undecided
///     proof             by_revision (strictly serializable, all operations together), by_key (linearizable, each key
///                       by itself) or none
///     operations, unanswered, keys, violated_keys, undecided_keys, was_full, was_replaced, took_ms
///     changes, hidden_changes, events, contradictions   for a proof by_revision
///     violations        the first ones: [{key, kind, remark, minimal, initial, timeline (text), operations:
///                       [{connection, action, value, invoked_ms, responded_ms (null: never)}]}]. With by_key, an
///                       action is read, create, replace, write, remove or erase, and a value is 16 hexadecimal
///                       digits: those after the 8 digits of the key in the stored string; null for none. With
///                       by_revision, an action is a text
///     lock_order        {broken, timed, implausible, judged_pairs, broken_pairs, judged_revisions, broken_revisions,
///                       margin_ms (of the clearest broken pair, or null)}
[[nodiscard]] std::string json_of(verification const& verified, std::string const& key_prefix);

}  // namespace holdfast::client::verify
