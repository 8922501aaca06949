#include "server/store/history.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::server {

void history::push(change&& one) {
  auto const revision = one.revision;
  auto const bytes = bytes_of(one);
  changes_.push_back(std::move(one));
  last_ = revision;
  bytes_ += bytes;
}

/// The latest stays, however large it is: whoever follows closely is told of everything.
void history::forget() noexcept {
  while (changes_.size() > 1 && (changes_.size() > changes_max_ || bytes_ > bytes_max_)) {
    bytes_ -= bytes_of(changes_.front());
    changes_.pop_front();
  }
}

void history::append(change&& one) {
  {
    std::lock_guard const guard(mutex_);
    push(std::move(one));
    forget();
  }
  for (auto* const each : listeners_) each->on_change();
}

void history::append(std::vector<change>&& all) {
  {
    std::lock_guard const guard(mutex_);
    auto const bytes = bytes_;
    std::size_t pushed = 0;
    try {
      for (auto& one : all) {
        push(std::move(one));
        ++pushed;
      }
    } catch (...) {
      changes_.resize(changes_.size() - pushed);
      last_ -= pushed;
      bytes_ = bytes;
      throw;
    }
    forget();
  }
  for (auto* const each : listeners_) each->on_change();
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
