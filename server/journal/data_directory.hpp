#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "server/journal/journal.hpp"

namespace holdfast::server {

/// The directory that a local journal lives in, and the right to use it. It holds
///
///     format     one line of text: which format, which database, and whether it is ready
///     lock       locked by the process that uses the directory; names it
///     witness    the last change that was acknowledged
///     journal/   the engine's own files
///
/// `format` is written first as "creating" and last as "ready" or "backup": of what a crash leaves in between, nothing
/// was ever acknowledged, so the next start begins again. Everything throws journal_error.
class data_directory {
 public:
  enum class state : std::uint8_t {
    empty,     ///< nothing in it
    creating,  ///< somebody had begun to make a database in it
    ready,     ///< a database
    backup,    ///< a copy, which is restored from and never served
  };

  enum class access : std::uint8_t {
    create,  ///< for this process alone; made where there is none
    use,     ///< for this process alone
    read,    ///< beside others that read; changes nothing, so it may be on a medium that is write-protected
  };

  /// Takes the directory until the destruction or the end of the process, however it ends.
  data_directory(std::filesystem::path path, access wanted);
  data_directory(data_directory const&) = delete;
  data_directory& operator=(data_directory const&) = delete;
  ~data_directory();

  [[nodiscard]] std::filesystem::path const& path() const noexcept { return path_; }
  [[nodiscard]] std::filesystem::path engine_path() const { return path_ / "journal"; }
  [[nodiscard]] std::filesystem::path witness_path() const { return path_ / "witness"; }
  [[nodiscard]] std::filesystem::path format_path() const { return path_ / "format"; }

  [[nodiscard]] state found() const noexcept { return state_; }
  /// The one that `format` names; 0 in an empty directory.
  [[nodiscard]] std::uint64_t database() const noexcept { return database_; }

  /// Writes and syncs `format`.
  void mark(state next, std::uint64_t database);
  /// Removes what a creation has left half-done, `format` excepted.
  void clear();

 private:
  void lock(access wanted);
  void read_format();

  std::filesystem::path path_;
  int lock_ = -1;
  state state_ = state::empty;
  std::uint64_t database_ = 0;
};

/// Makes sure that what a directory names is still there after a power loss.
void sync_directory(std::filesystem::path const& path);
/// The same of a file's bytes.
void sync_file(std::filesystem::path const& path);

/// What a failed system call means for the journal. @param creating whether it was to make something new.
[[nodiscard]] journal_error error_of_call(int error, std::string_view what_failed, bool creating = false);

}  // namespace holdfast::server
