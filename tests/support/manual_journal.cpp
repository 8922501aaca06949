#include "tests/support/manual_journal.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

namespace holdfast::tests {

using server::journal_error;
using server::journal_fault;

void commit_control::let_go() {
  {
    std::lock_guard const lock(mutex_);
    holds_ = false;
  }
  changed_.notify_all();
}

void commit_control::hold() {
  std::lock_guard const lock(mutex_);
  holds_ = true;
}

void commit_control::let_one_go() {
  {
    std::lock_guard const lock(mutex_);
    ++passes_;
  }
  changed_.notify_all();
}

void commit_control::fail() {
  {
    std::lock_guard const lock(mutex_);
    fails_ = true;
  }
  changed_.notify_all();
}

void commit_control::await_commit(std::uint64_t sequence) {
  constexpr std::chrono::seconds patience{30};
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, patience, [&] { return begun_ >= sequence; }))
    throw std::runtime_error("no commit goes up to " + std::to_string(sequence));
}

void commit_control::set_room(bool has_room) {
  std::lock_guard const lock(mutex_);
  has_room_ = has_room;
}

void commit_control::share(bool reads_are_sure) {
  is_shared_ = true;
  reads_are_sure_ = reads_are_sure;
}

std::size_t commit_control::commits() const {
  std::lock_guard const lock(mutex_);
  return commits_;
}

std::optional<journal_error> commit_control::commit(std::span<server::change const> batch) {
  std::unique_lock lock(mutex_);
  begun_ = batch.back().sequence;
  changed_.notify_all();
  auto failed = wait(lock);
  if (!failed) ++commits_;
  return failed;
}

std::optional<journal_error> commit_control::wait(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [&] { return !holds_ || fails_ || passes_ > 0; });
  if (fails_) return journal_error(journal_fault::storage_failed, "the disk is broken");
  if (holds_) --passes_;
  return std::nullopt;
}

std::optional<journal_error> manual_journal::confirm() {
  std::unique_lock lock(control_.mutex_);
  return control_.wait(lock);
}

std::optional<journal_error> manual_journal::commit(std::span<server::change const> batch) {
  auto failed = control_.commit(batch);
  if (failed) return failed;
  position_.sequence = batch.back().sequence;
  for (auto const& one : batch) position_.revision = std::max(position_.revision, one.revision);
  return std::nullopt;
}

bool manual_journal::has_room() {
  std::lock_guard const lock(control_.mutex_);
  return control_.has_room_;
}

}  // namespace holdfast::tests
