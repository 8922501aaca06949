#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>

namespace rocksdb {
class Env;
}

namespace holdfast::server::testing {

/// Simulates failures below a journal. Its file system passes operations on to the real one, and records what was
/// synced.
/// A power loss keeps what was synced, and an arbitrary part of the rest: of each file's new bytes all, none, the first
/// ones, or some sectors with zeros between, in any order; of the names created, removed or replaced since their
/// directory was synced, the first ones. Names change in order because file systems with a journal or copy-on-write
/// trees guarantee it (ext4, XFS, Btrfs) and the engine relies on it: it switches to a new manifest before it syncs the
/// names of the tables in it. A sector of 512 bytes is written entirely or not at all.
class unreliable_disk {
 public:
  enum class operation : std::uint8_t { write, sync, rename, create, remove };
  static constexpr std::size_t operation_kinds = 5;

  /// The nth operation of this kind from now on fails with an errno. A short write has written some bytes.
  struct fault {
    operation kind = operation::write;
    std::size_t nth = 1;
    int error = 0;
    bool is_short = false;
    bool stays = false;  ///< all later operations of that kind fail, too
  };

  /// @param directory its present contents count as synced.
  explicit unreliable_disk(std::filesystem::path directory);
  ~unreliable_disk();
  unreliable_disk(unreliable_disk const&) = delete;
  unreliable_disk& operator=(unreliable_disk const&) = delete;

  /// For opening a journal. Its clock shortens the waits that the engine makes after an error.
  [[nodiscard]] std::shared_ptr<rocksdb::Env> environment() const;

  void fail(fault next);
  /// True if the failure has occurred.
  [[nodiscard]] bool has_failed() const;
  /// Number of operations of a kind so far.
  [[nodiscard]] std::size_t count(operation kind) const;

  /// After this number of further operations of any kind, nothing reaches the disk and everything fails.
  void cut_power_after(std::size_t operations);
  [[nodiscard]] bool power_is_cut() const;
  /// Writes the contents after the power loss to the directory. The power must be off, and no file there open.
  void restart(std::mt19937_64& random);

  /// Free space on the disk, as has_room() sees it.
  void set_bytes_free(std::uint64_t bytes);

  struct state;

 private:
  std::shared_ptr<state> state_;
};

}  // namespace holdfast::server::testing
