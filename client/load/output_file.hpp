#pragma once

#include <sys/stat.h>

#include <string>

namespace holdfast::client::load {

/// A file for a report. It is opened once and early, so that an unwritable path is detected before the run and not when
/// its figures would be lost. Its old content stays until write(); if write() is never called, a file created by open()
/// is removed. Opening a pipe waits for its reader, as in a shell.
class output_file {
 public:
  output_file() = default;
  ~output_file();
  output_file(output_file&& other) noexcept;
  output_file& operator=(output_file&&) = delete;

  /// Opens `path`, creating it if necessary. @return an error message; empty on success
  [[nodiscard]] std::string open(std::string const& path);
  /// Replaces the content by `text`. @return an error message; empty on success
  [[nodiscard]] std::string write(std::string const& text);

  /// True if both are the same regular file, even under different names.
  [[nodiscard]] bool is_same_as(output_file const& other) const;

 private:
  [[nodiscard]] std::string cannot_write() const;

  std::string path_;
  int descriptor_ = -1;
  bool is_new_ = false;
  struct stat status_{};
};

}  // namespace holdfast::client::load
