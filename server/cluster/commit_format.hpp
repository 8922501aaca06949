#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/journal/change.hpp"
#include "server/journal/record_codec.hpp"

namespace holdfast::server {

/// A record of the log in etcd. One record is one commit, unless that exceeds etcd's limits: then pieces precede it
/// with the beginning of its changes. They are valid only together with their commit. Pieces without one were left by a
/// leader that died, and mean nothing.
struct log_record {
  enum class kind : std::uint8_t { commit, piece };

  kind what = kind::commit;
  record::head head{};       ///< after this record; a piece has that of the commit before
  std::int64_t term = 0;     ///< of the leader that wrote it
  std::uint64_t first = 0;   ///< number of the oldest record that is still needed
  std::uint64_t pieces = 0;  ///< number of preceding records that belong to this commit
  /// As append_change() wrote them; those of a piece may begin and end within a change. After read_record() within the
  /// text that was read.
  std::string_view changes{};
};

[[nodiscard]] std::string write_record(log_record const& record);
/// nullopt if the format of the text is unknown.
[[nodiscard]] std::optional<log_record> read_record(std::string_view text);

/// Appends a change; a touch without its value.
void append_change(std::string& to, change const& one);
/// The changes of a commit. nullopt if one of them has an unknown format.
[[nodiscard]] std::optional<std::vector<change>> read_changes(std::string_view text);

}  // namespace holdfast::server
