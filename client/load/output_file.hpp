#pragma once

#include <fstream>
#include <string>

namespace holdfast::client::load {

/// A file that a report goes to once there is one. It is opened early, so that a path that can't be written is known
/// before a run whose figures would be lost, and what was in it stays until write().
class output_file {
 public:
  /// Opens `path`, which is made if it isn't there. @return what is wrong, for people; empty: nothing
  [[nodiscard]] std::string open(std::string const& path);
  /// Puts `text` in place of what was there. @return what is wrong, as open()
  [[nodiscard]] std::string write(std::string const& text);

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace holdfast::client::load
