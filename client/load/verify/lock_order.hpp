#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

/// A request that got the lock, as its client saw it and as the server reported in Server-Timing and ETag.
struct lock_use {
  instant invoked = 0, responded = 0;  ///< on the client's clock
  instant wait = 0, hold = 0;          ///< what the server reported: durations, to the microsecond
  std::uint64_t revision = 0;          ///< of the database after a put, or of what a get found; 0: not reported
  bool is_put = false;
};

/// What can be said about the order in which the lock was granted.
///
/// The server reports durations, not instants. Of a request that took t in all, w of it waiting and h holding, the rest
/// t - w - h was spent before the lock was asked for and after it was given back, nobody knows how much of it when. So
/// it asked from `invoked` to `invoked + rest`, and was granted w later. Two requests are judged when, wherever in
/// these spans the instants were, one asked while the other was waiting already; and when it is as sure who was granted
/// first, from the spans or, of two puts, from their revisions, which count the changes in the order of grants. Then
/// who asked first must have been granted first. A server that grants in order of arrival is never accused: with its
/// true instants, the conclusion holds in every case.
///
/// One thing is taken on trust: that a server takes its place in the queue right after it has read its clock. A thread
/// that is interrupted just there arrives later than it says, so an order counts as sure only by more than `tolerance`.
///
/// Apart from that, a put that began after another request was over must have a higher revision than the other
/// reported. This needs neither clock nor tolerance.
struct lock_audit {
  std::uint64_t timed = 0;             ///< requests whose timing was usable
  std::uint64_t implausible = 0;       ///< those whose timing was longer than they took
  std::uint64_t judged_pairs = 0;      ///< in which it is sure who asked first and who was granted first
  std::uint64_t broken_pairs = 0;      ///< of these, in which who asked later was granted earlier
  std::uint64_t judged_revisions = 0;  ///< puts that began after another request had reported a revision
  std::uint64_t broken_revisions = 0;  ///< of these, whose own was not higher

  /// Of the broken pairs, the one that is clearest.
  struct pair {
    lock_use asked_first, granted_first;
    instant margin = 0;  ///< by how much the one asked later at least
  };
  std::optional<pair> example;

  [[nodiscard]] bool is_broken() const { return broken_pairs != 0 || broken_revisions != 0; }

  static constexpr instant tolerance = 50'000'000;
};

/// Uses without timing (wait and hold both negative) are judged by their revisions alone.
[[nodiscard]] lock_audit audit_lock_order(std::vector<lock_use> uses);

}  // namespace holdfast::client::verify
