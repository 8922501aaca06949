#include "client/load/output_file.hpp"

#include <cerrno>
#include <cstring>

namespace holdfast::client::load {
namespace {

std::string cannot_write(std::string const& path) {
  return "can't write '" + path + "': " + std::strerror(errno);
}

}  // namespace

std::string output_file::open(std::string const& path) {
  path_ = path;
  errno = 0;
  file_.open(path, std::ios::app);
  return file_.is_open() ? std::string() : cannot_write(path);
}

std::string output_file::write(std::string const& text) {
  errno = 0;
  file_.close();
  file_.open(path_, std::ios::trunc);
  file_ << text;
  file_.close();
  return file_ ? std::string() : cannot_write(path_);
}

}  // namespace holdfast::client::load
