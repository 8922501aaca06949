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

/// What can go wrong below a journal. Its file system passes everything on to the real one, and remembers what was
/// synced.
///
/// A power loss leaves what was synced, and of the rest whatever a disk may leave: of each file's new bytes all, none,
/// the first ones, or some sectors of them with zeros between, in any order; of the names that were made, removed or
/// replaced since their directory was synced, the first ones. That names change in order is what file systems with a
/// journal or a tree of copies promise (ext4, XFS, Btrfs), and what the engine relies on: it switches to a new manifest
/// before it syncs the names of the tables in it. A sector of 512 bytes is written entirely or not at all.
class unreliable_disk {
 public:
  enum class operation : std::uint8_t { write, sync, rename, create, remove };
  static constexpr std::size_t operation_kinds = 5;

  /// The nth operation of this kind from now on fails with an errno. A write that is short has written some bytes.
  struct fault {
    operation kind = operation::write;
    std::size_t nth = 1;
    int error = 0;
    bool is_short = false;
    bool stays = false;  ///< all later operations of that kind fail too
  };

  /// @param directory all that is in it now is taken for synced.
  explicit unreliable_disk(std::filesystem::path directory);
  ~unreliable_disk();
  unreliable_disk(unreliable_disk const&) = delete;
  unreliable_disk& operator=(unreliable_disk const&) = delete;

  /// To open a journal with. Its clock does not wait for long, as the engine does after an error.
  [[nodiscard]] std::shared_ptr<rocksdb::Env> environment() const;

  void fail(fault next);
  /// Whether the fault has happened.
  [[nodiscard]] bool has_failed() const;
  /// How many operations of a kind there have been.
  [[nodiscard]] std::size_t count(operation kind) const;

  /// From after so many more operations of any kind, nothing reaches the disk, and everything fails.
  void cut_power_after(std::size_t operations);
  [[nodiscard]] bool power_is_cut() const;
  /// Puts into the directory what the power loss has left. The power is cut, and nothing has a file open there.
  void restart(std::mt19937_64& random);

  /// How much is left on the disk, as far as has_room() can see.
  void set_bytes_free(std::uint64_t bytes);

  struct state;

 private:
  std::shared_ptr<state> state_;
};

}  // namespace holdfast::server::testing
