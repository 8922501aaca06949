#pragma once

#include <absl/container/btree_map.h>
#include <absl/types/compare.h>

#include <cstdint>
#include <limits>
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
  /// @param bytes_max how much keys and values may take, by bytes_of().
  explicit database(std::uint64_t bytes_max = std::numeric_limits<std::uint64_t>::max()) noexcept
      : bytes_max_(bytes_max) {}

  /// What a key with its value takes in memory, about: with its share of the tree and what the allocator adds.
  [[nodiscard]] static constexpr std::uint64_t bytes_of(std::size_t key_bytes, std::size_t value_bytes) noexcept {
    constexpr std::uint64_t beside_them = 192;
    return key_bytes + value_bytes + beside_them;
  }

  /// Runs one operation. What would take more than is allowed is not done; what takes no more than what it replaces is.
  ///  Strong guarantee: std::bad_alloc leaves the database as it was.
  protocol::outcome apply(protocol::operation const& operation);

  struct entry {
    protocol::json_text value;  ///< never null
    std::uint64_t revision;
  };

  /// What is stored under a key, valid until the next change; null where nothing is.
  [[nodiscard]] entry const* find(std::string_view key) const;

  /// How many changes there have been.
  [[nodiscard]] std::uint64_t revision() const noexcept { return revision_; }
  /// How much keys and values take.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
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
  std::uint64_t bytes_ = 0;
  std::uint64_t bytes_max_;
};

}  // namespace holdfast::server
