#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "server/journal/journal.hpp"

namespace holdfast::server {

/// The directory of a local journal, and the exclusive right to use it. It contains
/// format     one line of text: format, database id, and whether it is ready
/// lock       locked by the process that uses the directory; names it
/// witness    the last acknowledged change
/// journal/   the engine's own files
/// `format` is first written as "creating" and finally as "ready". If a crash leaves "creating", nothing was ever
/// acknowledged, so the next start begins again. A restore or backup writes "copying" first: what it leaves behind if
/// it is interrupted must never become an empty database. All functions throw journal_error.
class data_directory {
 public:
  enum class state : std::uint8_t {
    empty,     ///< empty
    creating,  ///< an unfinished creation
    copying,   ///< an unfinished restore or backup
    ready,     ///< a database
    backup,    ///< a copy, only for restore
  };

  enum class access : std::uint8_t {
    create,  ///< for this process alone; created if missing
    use,     ///< for this process alone
    read,    ///< shared with other readers; changes nothing, so the medium may be read-only
  };

  /// Locks the directory until destruction or the end of the process, however it ends.
  data_directory(std::filesystem::path path, access wanted);
  data_directory(data_directory const&) = delete;
  data_directory& operator=(data_directory const&) = delete;
  ~data_directory();

  [[nodiscard]] std::filesystem::path const& path() const noexcept { return path_; }
  [[nodiscard]] std::filesystem::path engine_path() const { return path_ / "journal"; }
  [[nodiscard]] std::filesystem::path witness_path() const { return path_ / "witness"; }
  [[nodiscard]] std::filesystem::path format_path() const { return path_ / "format"; }

  [[nodiscard]] state found() const noexcept { return state_; }
  /// The database id in `format`; 0 in an empty directory.
  [[nodiscard]] std::uint64_t database() const noexcept { return database_; }

  /// True if a restore or a backup may write here: nothing is lost by it.
  [[nodiscard]] bool takes_copies() const noexcept {
    return state_ == state::empty || state_ == state::creating || state_ == state::copying;
  }

  /// Writes and syncs `format`.
  void mark(state next, std::uint64_t database);
  /// Removes an unfinished creation or copy, except for `format`.
  void clear();

 private:
  void lock(access wanted);
  void write_owner(std::string_view owner) noexcept;
  void read_format();
  /// @throws journal_error if there are other files, or a database without `format`.
  void require_nothing() const;

  std::filesystem::path path_;
  int lock_ = -1;
  bool is_owner_ = false;
  state state_ = state::empty;
  std::uint64_t database_ = 0;
};

/// True if an existing directory holds nothing, or only what an interrupted copy left. Takes no lock.
[[nodiscard]] bool is_free_for_copy(std::filesystem::path const& directory);

/// Begins the names of the files of a measurement; one that was interrupted leaves them.
constexpr std::string_view check_prefix = ".holdfast-check-";

/// Syncs a directory, so that its names survive a power loss.
void sync_directory(std::filesystem::path const& path);
/// Syncs a file's bytes.
void sync_file(std::filesystem::path const& path);

/// What to do when a process or the system has no descriptor left.
inline constexpr char const* more_descriptors =
    "; raise the limit of open files (ulimit -n) or lower --max-connections, then start again";

/// The error for a failed system call. @param creating true if something new was being created.
[[nodiscard]] journal_error error_of_call(int error, std::string_view what_failed, bool creating = false);

}  // namespace holdfast::server
