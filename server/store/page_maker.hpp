#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "server/store/operation.hpp"

namespace holdfast::server {

/// The smallest text greater than all that begin with `prefix`; empty: none.
[[nodiscard]] std::string behind(std::string_view prefix);

/// Fills a page of a list. The operation must outlive it. One thread.
class page_maker {
 public:
  explicit page_maker(list_operation const& list);

  [[nodiscard]] bool is_full() const noexcept;

  /// The group of a key; empty: none.
  [[nodiscard]] std::string_view group_of(std::string_view key) const noexcept;

  /// Adds a key with its value.
  void add(std::string_view key, json_text const& value, std::uint64_t revision, expiry_time expires);

  /// @param group may refer to memory that add() moves.
  void add_group(std::string_view group) { page_.groups.push_back(place(group)); }

  /// There is more; the next page begins after the last item of this one.
  void end() { page_.next = page_.keys.substr(page_.keys.size() - last_bytes_); }
  /// There is more from this key on, which has expired. All that had expired before it was removed.
  void end_at(std::string_view key);

  [[nodiscard]] listing take() { return std::move(page_); }

 private:
  listing::entry place(std::string_view key);

  list_operation const& list_;
  listing page_;
  std::uint64_t bytes_ = 0;  // of values
  std::size_t last_bytes_ = 0;
};

}  // namespace holdfast::server
