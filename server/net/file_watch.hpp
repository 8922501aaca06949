#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::server {

/// Detects changes of files that belong together, such as a certificate and its key, which cannot be replaced at the
/// same instant. Not thread-safe.
class file_watch {
 public:
  /// Empty names are skipped.
  explicit file_watch(std::vector<std::string> files);

  /// Call before the files are read: a change during the read is then detected later.
  void begin_read();

  /// Call periodically. @return true if the files have changed since they were read, but not since the previous call.
  [[nodiscard]] bool have_changed_and_settled();

 private:
  /// Identifies a version of a file.
  struct version {
    std::int64_t inode = 0, bytes = 0, seconds = 0, nanoseconds = 0;

    bool operator==(version const&) const = default;
  };
  using versions = std::vector<version>;

  [[nodiscard]] versions look() const;

  std::vector<std::string> const files_;
  versions read_, seen_;  // at begin_read(), and at the last look
};

}  // namespace holdfast::server
