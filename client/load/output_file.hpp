#pragma once

#include <sys/stat.h>

#include <string>

namespace holdfast::client::load {

/// A file that a report goes to once there is one. It is opened once and early, so that a path that can't be written is
/// known before a run whose figures would be lost. What was in it stays until write(); if that is never called, a file
/// that open() made is removed again. A pipe waits for its reader in open(), as in a shell.
class output_file {
 public:
  output_file() = default;
  ~output_file();
  output_file(output_file&& other) noexcept;
  output_file& operator=(output_file&&) = delete;

  /// Opens `path`, which is made if it isn't there. @return what is wrong, for people; empty: nothing
  [[nodiscard]] std::string open(std::string const& path);
  /// Puts `text` in place of what was there. @return what is wrong, as open()
  [[nodiscard]] std::string write(std::string const& text);

  /// Whether both write into one and the same regular file, under whatever names.
  [[nodiscard]] bool is_same_as(output_file const& other) const;

 private:
  [[nodiscard]] std::string cannot_write() const;

  std::string path_;
  int descriptor_ = -1;
  bool is_new_ = false;
  struct stat status_{};
};

}  // namespace holdfast::client::load
