#include "server/net/file_watch.hpp"

#include <sys/stat.h>

#include <utility>

namespace holdfast::server {

file_watch::file_watch(std::vector<std::string> files) : files_(std::move(files)) {
  begin_read();
}

void file_watch::begin_read() {
  read_ = seen_ = look();
}

bool file_watch::have_changed_and_settled() {
  auto now = look();
  auto const is_settled = now == seen_;
  seen_ = std::move(now);
  return is_settled && seen_ != read_;
}

file_watch::versions file_watch::look() const {
  versions found(files_.size());
  for (std::size_t i = 0; i < files_.size(); ++i) {
    struct stat status{};
    if (!files_[i].empty() && ::stat(files_[i].c_str(), &status) == 0)
      found[i] = {static_cast<std::int64_t>(status.st_ino), static_cast<std::int64_t>(status.st_size),
                  static_cast<std::int64_t>(status.st_mtim.tv_sec), static_cast<std::int64_t>(status.st_mtim.tv_nsec)};
  }
  return found;
}

}  // namespace holdfast::server
