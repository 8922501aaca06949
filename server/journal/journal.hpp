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

#include "server/journal/change.hpp"

namespace holdfast::server {

/// What is wrong with a journal, by what there is to do about it.
enum class journal_fault : std::uint8_t {
  damaged,         ///< data that were acknowledged are missing or wrong: restore a backup, or accept the loss
  unknown_format,  ///< not data of a format that this version reads
  cannot_create,   ///< there is no journal and none can be made
  not_permitted,   ///< the operating system refuses access
  storage_failed,  ///< a read, write or sync failed
  disk_full,       ///< no space left, or a quota is used up
  in_use,          ///< another process has it open
  not_leading,     ///< another server of the cluster writes it now
};

/// "damaged", "unknown_format", …
[[nodiscard]] std::string_view name_of(journal_fault fault) noexcept;

/// what() is one line: which file or directory, what is wrong with it, and what to do.
class journal_error : public std::runtime_error {
 public:
  journal_error(journal_fault fault, std::string const& line) : std::runtime_error(line), fault_(fault) {}
  [[nodiscard]] journal_fault fault() const noexcept { return fault_; }

 private:
  journal_fault fault_;
};

/// Up to where a database goes.
struct journal_position {
  std::uint64_t database = 0;  ///< random; it stays over restarts, and is new after a restore or an accepted loss
  std::uint64_t sequence = 0;  ///< of the last change that is durable
  std::uint64_t revision = 0;  ///< the highest one given to a change that is durable

  bool operator==(journal_position const&) const = default;
};

/// An entry as it was before the restart. The views are valid during the call that shows them.
struct recovered_entry {
  std::string_view key;
  std::string_view value;
  std::uint64_t version = 0;                  ///< change::version(), so of data the revision
  std::optional<change::instant> expires_at;  ///< it may have passed: the reader removes the entry
  keyspace space = keyspace::data;
};

struct journal_figures {
  std::uint64_t bytes = 0;                        ///< what the journal takes where it is stored
  std::optional<std::uint64_t> bytes_free;        ///< what is left there; empty: not known
  std::optional<change::instant> last_commit_at;  ///< empty: nothing was ever committed
};

/// Makes changes durable, and returns the entries that they amount to after a restart. Never in the path of a read.
/// It is open from its construction. Errors are thrown as journal_error, except those of commit().
class journal {
 public:
  using visitor = std::function<void(recovered_entry const&)>;

  journal() = default;
  journal(journal const&) = delete;
  journal& operator=(journal const&) = delete;
  /// Closes it; what close() would report is lost.
  virtual ~journal() = default;

  /// What people call its kind: "rocksdb".
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// Shows every entry, those of a keyspace in the order of keys, and then checks that none is missing. When it throws,
  /// the entries that it has shown must not be used. Call it once, before the first commit.
  virtual void recover(visitor const& visit) = 0;

  /// One line about what was lost, where the journal was opened although it was damaged; empty otherwise. After
  /// recover().
  [[nodiscard]] virtual std::string accepted_loss() const { return {}; }

  /// Not while commit() runs.
  [[nodiscard]] virtual journal_position position() const = 0;

  /// Makes a batch durable, all of it or nothing, and returns when it is: after the sync, unless syncs are off. The
  /// sequence numbers follow the position's without a gap, and `previous` is what the entry had. One call at a time.
  /// @return nothing when all went well. After an error nothing of the batch may be acknowledged, although it may turn
  ///   out to be there after a restart; every later call writes nothing and returns the same error.
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

  /// Takes several system calls; any thread may call it.
  [[nodiscard]] virtual journal_figures figures() const = 0;

  /// Copies all that is durable into a directory that is empty or does not exist, while commits continue. Takes its
  /// time; any thread, one call at a time. @return what the copy contains at least. @throws journal_error.
  virtual journal_position back_up(std::filesystem::path const& to) const;

  /// Ends the use of the journal: what is not synced is synced, others may open it. Nothing else may be called then.
  virtual void close() = 0;
};

}  // namespace holdfast::server
