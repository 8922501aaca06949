#include "server/access/line_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace holdfast::server {
namespace {

/// Time before a write to a full disk is tried again.
constexpr std::chrono::milliseconds retry_time{200};

int open_to_append(std::string const& path) {
  // Keys and addresses are private, so others may not read the file.
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

}  // namespace

line_log::line_log(std::string path) : path_(std::move(path)), file_(open_to_append(path_)) {
  if (file_ < 0) throw std::runtime_error(path_ + ": can't be opened to append: " + std::strerror(errno));
  thread_ = std::thread([this] { run(); });
}

line_log::~line_log() {
  {
    std::lock_guard const lock(mutex_);
    ends_ = true;
  }
  wake_.notify_one();
  thread_.join();
  ::close(file_);
  if (next_file_ >= 0) ::close(next_file_);
}

void line_log::write(std::string_view line) {
  auto was_empty = false;
  {
    std::lock_guard const lock(mutex_);
    if (waiting_.size() + line.size() > waiting_bytes_max) {
      ++untold_;
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    was_empty = waiting_.empty();
    if (untold_ != 0) waiting_ += "{\"dropped\":" + std::to_string(std::exchange(untold_, 0)) + "}\n";
    waiting_ += line;
  }
  if (was_empty) wake_.notify_one();
}

bool line_log::reopen() {
  auto const fresh = open_to_append(path_);
  if (fresh < 0) return false;
  {
    std::lock_guard const lock(mutex_);
    if (next_file_ >= 0) ::close(next_file_);
    next_file_ = fresh;
  }
  wake_.notify_one();
  return true;
}

void line_log::run() {
  std::string lines;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return ends_ || next_file_ >= 0 || !waiting_.empty() || !lines.empty(); });
    if (next_file_ >= 0) {
      ::close(file_);
      file_ = std::exchange(next_file_, -1);
    }
    if (lines.empty()) lines.swap(waiting_);
    lock.unlock();
    write_out(lines);
    lock.lock();
    if (lines.empty()) {
      if (ends_ && waiting_.empty()) return;
      continue;
    }
    if (ends_) return;  // a full disk must not keep the server from ending
    wake_.wait_for(lock, retry_time, [this] { return ends_ || next_file_ >= 0; });
  }
}

/// Writes all lines that the disk takes. @param lines keeps the rest.
void line_log::write_out(std::string& lines) {
  std::size_t written = 0;
  while (written < lines.size()) {
    auto const count = ::write(file_, lines.data() + written, lines.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written += static_cast<std::size_t>(count);
  }
  lines.erase(0, written);
}

}  // namespace holdfast::server
