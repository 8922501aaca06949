#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

/// A request that acquired the lock, as seen by its client and as reported by the server in Server-Timing and ETag.
struct lock_use {
  instant invoked = 0, responded = 0;  ///< by the client's clock
  instant wait = 0, hold = 0;          ///< durations reported by the server, in microsecond resolution
  std::uint64_t revision = 0;  ///< of the database after a put, or of the value found by a get; 0 if not reported
  bool is_put = false;
};

/// What is certain about the order in which the lock was granted.
///
/// The server reports durations, not instants. A request that took t in total, with a wait of w and a hold of h, spent
/// the rest t - w - h before it asked for the lock and after it released it, in unknown proportions. So it asked
/// between `invoked` and `invoked + rest`, and was granted w later. Two requests are judged if, for all instants in
/// these spans, one asked while the other was already waiting; and if it is equally certain which was granted first,
/// from the spans or, for two puts, from their revisions, which count changes in the order of grants. Then the one that
/// asked first must have been granted first. A server that grants in order of arrival is never reported: the conclusion
/// holds for its true instants in every case.
///
/// One assumption remains: the server enters its queue immediately after reading its clock. A thread that is preempted
/// there arrives later than it reports, so an order is certain only if the difference exceeds `tolerance`.
///
/// In addition, a put that began after another request ended must have a higher revision than that request reported.
/// This needs neither clock nor tolerance.
struct lock_audit {
  std::uint64_t timed = 0;             ///< requests with usable timing
  std::uint64_t implausible = 0;       ///< requests whose timing exceeded their duration
  std::uint64_t judged_pairs = 0;      ///< pairs with a certain order of both asking and granting
  std::uint64_t broken_pairs = 0;      ///< judged pairs in which the later asker was granted earlier
  std::uint64_t judged_revisions = 0;  ///< puts that began after another request had reported a revision
  std::uint64_t broken_revisions = 0;  ///< judged puts whose own revision was not higher

  /// The clearest of the broken pairs.
  struct pair {
    lock_use asked_first, granted_first;
    instant margin = 0;  ///< least time by which the other one asked later
  };
  std::optional<pair> example;

  [[nodiscard]] bool is_broken() const { return broken_pairs != 0 || broken_revisions != 0; }

  static constexpr instant tolerance = 50'000'000;
};

/// Uses without timing (wait and hold are negative) are judged by their revisions only.
[[nodiscard]] lock_audit audit_lock_order(std::vector<lock_use> uses);

}  // namespace holdfast::client::verify
