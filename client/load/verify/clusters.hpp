#pragma once

#include <cstdint>
#include <unordered_map>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

/// A value: the put that wrote it and the gets that read it. Since no other put writes the same value, they take effect
/// in succession, without another write in between.
///
/// Only two instants matter (Gibbons and Korach, Testing Shared Memories, 1997): the end of the operation that ended
/// first, and the start of the operation that began last.
struct cluster {
  bool written = false;  ///< by a put of the history, or before the history
  instant write_invoked = never;
  std::uint32_t reads = 0;
  instant first_responded = never;
  instant last_invoked = before_all;

  /// True if one of these operations ended before one of the others began, so that this value came first.
  [[nodiscard]] bool must_precede(cluster const& other) const { return first_responded < other.last_invoked; }
};

/// Clusters by value. Excludes `absent`, which is not written by puts and may result from many deletes.
using clusters = std::unordered_map<value_number, cluster>;

[[nodiscard]] clusters clusters_of(history const& whole);

}  // namespace holdfast::client::verify
