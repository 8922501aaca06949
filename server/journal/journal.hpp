#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "server/journal/change.hpp"

namespace holdfast::server {

/// Kinds of journal errors, by what an operator can do.
enum class journal_fault : std::uint8_t {
  damaged,         ///< acknowledged data are missing or wrong: restore a backup, or accept the loss
  unknown_format,  ///< not data, or not in a format that this version reads
  cannot_create,   ///< there is no journal and none can be created
  not_permitted,   ///< permission denied
  storage_failed,  ///< a read, write or sync failed
  disk_full,       ///< no space left, or quota exceeded
  in_use,          ///< another process uses it
  not_leading,     ///< another server of the cluster now writes it
};

/// "damaged", "unknown_format", …
[[nodiscard]] std::string_view name_of(journal_fault fault) noexcept;

/// what() is one line: which file or directory, what is wrong, and what to do.
class journal_error : public std::runtime_error {
 public:
  journal_error(journal_fault fault, std::string const& line) : std::runtime_error(line), fault_(fault) {}
  [[nodiscard]] journal_fault fault() const noexcept { return fault_; }

 private:
  journal_fault fault_;
};

/// The extent of a database.
struct journal_position {
  std::uint64_t database = 0;  ///< random; stable over restarts, new after a restore or an accepted loss
  std::uint64_t sequence = 0;  ///< of the last durable change
  std::uint64_t revision = 0;  ///< highest revision of a durable change

  bool operator==(journal_position const&) const = default;
};

/// An entry from before the restart. The views are valid only during the call.
struct recovered_entry {
  std::string_view key;
  std::string_view value;
  std::uint64_t version = 0;                  ///< change::version(); for data the revision
  std::optional<change::instant> expires_at;  ///< may be in the past: the reader removes the entry
  keyspace space = keyspace::data;
};

struct journal_figures {
  std::uint64_t bytes = 0;                        ///< bytes of the journal on the disk
  std::optional<std::uint64_t> bytes_free;        ///< free bytes there; nullopt: unknown
  std::optional<change::instant> last_commit_at;  ///< nullopt: nothing was ever committed
};

/// Makes changes durable, and returns the resulting entries after a restart. Never used by reads. A journal is open
/// from its construction. All functions except commit() throw errors as journal_error.
class journal {
 public:
  using visitor = std::function<void(recovered_entry const&)>;

  journal() = default;
  journal(journal const&) = delete;
  journal& operator=(journal const&) = delete;
  /// Closes it; errors that close() would report are lost.
  virtual ~journal() = default;

  /// Its kind, for people: "rocksdb".
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// Visits every entry, in the order of keys within a keyspace, and then checks that none is missing. If it throws,
  /// the visited entries must not be used. Call once, before the first commit.
  virtual void recover(visitor const& visit) = 0;

  /// The latest changes with a revision of their own, as far as they are known: consecutive, up to the position's
  /// revision. Watchers may continue within them. Call once, after recover().
  [[nodiscard]] virtual std::vector<change> take_recent_changes() { return {}; }

  /// What was lost, in one line, if a damaged journal was opened; otherwise empty. Valid after recover().
  [[nodiscard]] virtual std::string accepted_loss() const { return {}; }

  /// What opening it has removed, in one line: the end of a log that was never completed. Otherwise empty.
  [[nodiscard]] virtual std::string removed_tail() const { return {}; }

  /// Must not run concurrently with commit().
  [[nodiscard]] virtual journal_position position() const = 0;

  /// Makes a batch durable, all or nothing, and returns when it is: after the sync, unless syncs are off. The sequence
  /// numbers continue the position's without gaps, and `previous` is the entry's version. One call at a time.
  /// @return no error on success. After an error nothing of the batch may be acknowledged, although it may exist after
  /// a restart; every later call writes nothing and returns the same error.
  [[nodiscard]] virtual std::optional<journal_error> commit(std::span<change const> batch) = 0;

  // --- of a journal that several servers share, one after the other ---

  /// Whether another server may take the place of this one while it runs. Always the same.
  [[nodiscard]] virtual bool is_shared() const noexcept { return false; }
  /// Until when that can't have happened: what was read before needs no confirm(). Any thread.
  [[nodiscard]] virtual std::chrono::steady_clock::time_point sure_until() const noexcept {
    return std::chrono::steady_clock::time_point::max();
  }
  /// Asks whether it has happened. If not, all that was read before the call was true then. Not while commit() runs.
  /// @return nothing if so; otherwise as commit().
  [[nodiscard]] virtual std::optional<journal_error> confirm() { return std::nullopt; }

  /// Whether there is space for changes that add data. Turns false while deletions can still be committed, and true
  /// again by itself. Takes a system call; any thread may call it.
  [[nodiscard]] virtual bool has_room() = 0;

  /// Makes several system calls; any thread.
  [[nodiscard]] virtual journal_figures figures() const = 0;

  /// Copies all durable data into an empty or new directory while commits continue. Slow; any thread, one call at a
  /// time.
  /// @return the position up to which the copy contains all changes. @throws journal_error.
  virtual journal_position back_up(std::filesystem::path const& to) const;

  /// Syncs, and lets others open the journal. No other function may be called afterwards.
  virtual void close() = 0;
};

}  // namespace holdfast::server
