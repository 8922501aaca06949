#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/json_text.hpp"
#include "server/cluster/cluster_settings.hpp"
#include "server/cluster/etcd_client.hpp"
#include "server/journal/change.hpp"

namespace holdfast::server {

/// The size from which the value of an entry continues under further keys. More than the largest value that a client
/// can store.
constexpr std::size_t part_bytes_max = 1088 * 1024;

/// An upper limit of the number of continuations of an entry of so many bytes.
[[nodiscard]] constexpr std::size_t continuations(std::size_t bytes) noexcept {
  return bytes == 0 ? 0 : (bytes - 1) / part_bytes_max;
}

/// Decides which entries the leader writes under their keys, and when, so that the beginning of the log can be removed.
/// Does no I/O.
///
/// When the log has grown by a threshold, a checkpoint begins: it writes the last state of each key that has changed
/// since the one before, once. Each record of the log carries as large a share of the checkpoint as its own share of
/// the threshold is, so the checkpoint ends when the log has grown by the threshold again, and no commit has to wait
/// for it.
///
/// While a checkpoint is under way, its entries in etcd are of different ages. Nevertheless the log, replayed from its
/// first needed record over these entries, results in the last state: each key that the checkpoint writes has changed
/// in this log, and the last such change sets the entire state. Only a touch does not; but then the entry in etcd has
/// the value, or a put of the log does. The continuations of an entry need not be of the same age as the entry either,
/// since only a put changes them.
class checkpoint {
 public:
  explicit checkpoint(cluster_settings const& settings) : entries_(settings.entries()), rests_(settings.rests()) {}

  /// The state of an entry.
  struct state {
    std::uint64_t version = 0;
    std::optional<change::instant> expires_at;
    protocol::json_text value;  ///< null: there is no such entry
  };

  /// Takes over an entry, by its key with its tag, of an earlier leader. @param continuations the most that etcd may
  /// have
  void expect(std::string_view key, std::size_t continuations) { continuations_[std::string(key)] = continuations; }
  /// Takes over a change of an earlier leader that the log has, and etcd's entries perhaps not.
  void inherit(std::string key, state last) { unwritten_[std::move(key)] = std::move(last); }
  /// Begins with what was inherited. @param last_record number of the last record
  /// @param log_bytes of the inherited log, as record_bytes() counts them
  void take_over(std::uint64_t last_record, std::uint64_t log_bytes);

  /// How many bytes a record counts. Small ones count more than they have, so that their number is bounded as well.
  [[nodiscard]] static constexpr std::uint64_t record_bytes(std::size_t bytes) noexcept { return bytes + 1024; }

  /// Before the first record of a commit: begins a checkpoint if it is due. Not between a commit's pieces, which the
  /// log needs as long as the commit. @param log_bytes_max the threshold, as it is now
  void begin_if_due(std::uint64_t last_record, std::uint64_t log_bytes_max);
  /// Before each record.
  void grow(std::size_t bytes, std::uint64_t log_bytes_max);
  /// After a commit.
  void add(std::span<change const> batch);

  /// The next steps that are due, for one transaction.
  [[nodiscard]] std::vector<etcd_step> portion(std::size_t steps_max, std::size_t bytes_max);
  /// True if records cannot carry the checkpoint as fast as the log grows: it needs transactions of its own.
  [[nodiscard]] bool is_late() const noexcept { return is_under_way_ && !is_written() && grown_ > 2 * spread_; }
  /// Ends the checkpoint if all of it has been taken. @return the number of the first record that is still needed then
  [[nodiscard]] std::optional<std::uint64_t> finish();

 private:
  using states = std::unordered_map<std::string, state>;

  void begin(std::uint64_t last_record);
  void expand(std::string const& key, state const& last);
  [[nodiscard]] bool is_written() const noexcept { return unwritten_.empty() && steps_.empty(); }

  std::string const entries_, rests_;
  states changed_;                                              // since the checkpoint began
  states unwritten_;                                            // of the checkpoint
  std::deque<etcd_step> steps_;                                 // of the entry that is being written
  std::unordered_map<std::string, std::size_t> continuations_;  // the most that etcd may have, by key; 0 is left out
  std::optional<std::uint64_t> inherited_;                      // bytes of the log that a new leader took over
  bool is_under_way_ = false;
  std::uint64_t until_ = 0;               // the last record that the checkpoint covers
  std::uint64_t grown_ = 0, spread_ = 0;  // bytes of the log since it began, and those at which it should end
  std::size_t total_ = 0;                 // its entries
};

[[nodiscard]] std::size_t bytes_of(etcd_step const& step) noexcept;

}  // namespace holdfast::server
