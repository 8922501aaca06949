#include "client/load/output_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace holdfast::client::load {

output_file::~output_file() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (is_new_) ::unlink(path_.c_str());
}

output_file::output_file(output_file&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      is_new_(std::exchange(other.is_new_, false)),
      status_(other.status_) {}

std::string output_file::cannot_write() const {
  return "can't write '" + path_ + "': " + std::strerror(errno);
}

std::string output_file::open(std::string const& path) {
  constexpr mode_t readable = 0666;
  path_ = path;
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, readable);
  is_new_ = descriptor_ >= 0;
  if (descriptor_ < 0 && errno == EEXIST) descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, readable);
  if (descriptor_ < 0 || ::fstat(descriptor_, &status_) != 0) return cannot_write();
  return {};
}

std::string output_file::write(std::string const& text) {
  if (S_ISREG(status_.st_mode) && (::ftruncate(descriptor_, 0) != 0)) return cannot_write();
  is_new_ = false;
  for (std::string_view rest = text; !rest.empty();) {
    auto const count = ::write(descriptor_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot_write();
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  return ::close(std::exchange(descriptor_, -1)) == 0 ? std::string() : cannot_write();
}

bool output_file::is_same_as(output_file const& other) const {
  return S_ISREG(status_.st_mode) && status_.st_dev == other.status_.st_dev && status_.st_ino == other.status_.st_ino;
}

}  // namespace holdfast::client::load
