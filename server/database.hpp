#pragma once

#include <absl/container/btree_map.h>
#include <absl/types/compare.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/operation.hpp"

namespace holdfast::server {

/// An ordered map from keys to JSON texts. Every change raises the revision by one, and each key remembers the revision
/// of its last change. Plain and synchronous: whoever shares it puts it behind a lock. A B-tree (Bayer and McCreight,
/// 1972) with several keys a node, so that a look-up among many misses the caches less often than in a binary tree, and
/// a key takes less memory; unlike a hash table it never stops to move all that it has.
class database {
 public:
  /// Runs one operation. Strong guarantee: std::bad_alloc leaves the database as it was.
  protocol::outcome apply(protocol::operation const& operation);

  struct entry {
    protocol::json_text value;  ///< never null
    std::uint64_t revision;
  };

  /// What is stored under a key, valid until the next change; null where nothing is.
  [[nodiscard]] entry const* find(std::string_view key) const;

  /// How many changes there have been.
  [[nodiscard]] std::uint64_t revision() const noexcept { return revision_; }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  protocol::outcome run(protocol::get_operation const& get) const;
  protocol::outcome run(protocol::put_operation const& put);
  protocol::outcome run(protocol::delete_operation const& del);

  /// Tells in one comparison whether a key is less, equal or greater; with std::less<> it takes the tree two.
  struct by_bytes {
    using is_transparent = void;
    absl::weak_ordering operator()(std::string_view a, std::string_view b) const noexcept {
      auto const difference = a.compare(b);
      if (difference == 0) return absl::weak_ordering::equivalent;
      return difference < 0 ? absl::weak_ordering::less : absl::weak_ordering::greater;
    }
  };

  absl::btree_map<std::string, entry, by_bytes> entries_;
  std::uint64_t revision_ = 0;
};

}  // namespace holdfast::server
