#pragma once

#include <cstdint>
#include <unordered_map>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

/// A value: the put that wrote it and the gets that read it. Since no other put writes the same value, they take effect
/// one after another with no other write among them, wherever they stand in the order.
///
/// Two instants say all that matters of them (Gibbons and Korach, Testing Shared Memories, 1997): when the first of
/// them was over, and when the last of them began.
struct cluster {
  bool written = false;  ///< by a put of the history, or before it
  instant write_invoked = never;
  std::uint32_t reads = 0;
  instant first_responded = never;
  instant last_invoked = before_all;

  /// Whether one of these was over before one of the others began, so that this value came first.
  [[nodiscard]] bool must_precede(cluster const& other) const { return first_responded < other.last_invoked; }
};

/// By value, without `absent`, which no put writes and many deletes do.
using clusters = std::unordered_map<value_number, cluster>;

[[nodiscard]] clusters clusters_of(history const& whole);

}  // namespace holdfast::client::verify
