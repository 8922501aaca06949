#include "server/journal/history.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace holdfast::server {

/// The latest change always stays, even a large one, so that a prompt follower gets all changes.
void history::forget() noexcept {
  while (changes_.size() > 1 && (changes_.size() > changes_max_ || bytes_ > bytes_max_)) {
    bytes_ -= bytes_of(changes_.front());
    changes_.pop_front();
  }
}

void history::forget_all() noexcept {
  changes_.clear();
  bytes_ = 0;
}

void history::append(std::span<change> changes) noexcept {
  {
    std::lock_guard const guard(mutex_);
    for (auto& one : changes) {
      if (one.what == change::kind::touch || one.space == keyspace::requests) continue;
      last_ = one.revision;
      try {
        changes_.push_back(std::move(one));
        bytes_ += bytes_of(changes_.back());
      } catch (std::bad_alloc const&) {
        forget_all();
      }
    }
    forget();
  }
  tell();
}

std::uint64_t history::last_revision() const {
  std::lock_guard const guard(mutex_);
  return last_;
}

std::uint64_t history::first_revision() const {
  std::lock_guard const guard(mutex_);
  return last_ + 1 - changes_.size();
}

std::uint64_t history::bytes() const {
  std::lock_guard const guard(mutex_);
  return bytes_;
}

bool history::take(std::uint64_t revision, std::size_t changes_max, std::vector<change>& out) const {
  std::lock_guard const guard(mutex_);
  auto const first = last_ + 1 - changes_.size();
  if (revision + 1 < first) return false;
  auto const known = revision < last_ ? last_ - revision : 0;
  auto const begin = changes_.end() - static_cast<std::ptrdiff_t>(known);
  out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(known, changes_max)));
  return true;
}

}  // namespace holdfast::server
