#include "server/journal/history.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace holdfast::server {

/// The latest change always stays, even a large one, so that a prompt follower gets all changes.
void history::forget() noexcept {
  // Touches may be many, and must not take the place of changes that watchers have yet to read.
  while (touches_.size() > 1 && (touches_.size() > changes_max_ || touch_bytes_ > bytes_max_ / 4)) forget_touches(1);
  while (changes_.size() > 1 && (changes_.size() > changes_max_ || bytes_ > bytes_max_)) {
    bytes_ -= bytes_of(changes_.front());
    changes_.pop_front();
  }
}

void history::forget_touches(std::size_t count) noexcept {
  for (; count != 0; --count) {
    auto const bytes = bytes_of(touches_.front().what);
    bytes_ -= bytes;
    touch_bytes_ -= bytes;
    touches_.pop_front();
    ++first_touch_;
  }
}

void history::forget_all() noexcept {
  forget_touches(touches_.size());
  changes_.clear();
  bytes_ = 0;
}

void history::keep_touch(change&& one) noexcept {
  try {
    touches_.push_back({last_, std::move(one)});
    auto const bytes = bytes_of(touches_.back().what);
    bytes_ += bytes;
    touch_bytes_ += bytes;
  } catch (std::bad_alloc const&) {
    forget_touches(touches_.size());
    ++first_touch_;
  }
}

void history::append(std::span<change> changes) noexcept {
  {
    std::lock_guard const guard(mutex_);
    for (auto& one : changes) {
      if (one.space == keyspace::requests) continue;
      if (one.what == change::kind::touch) {
        if (touch_readers_ != 0) keep_touch(std::move(one));
        continue;
      }
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

history::touch_reader::touch_reader(history& all) : all_(all) {
  std::lock_guard const guard(all_.mutex_);
  ++all_.touch_readers_;
  position_ = all_.first_touch_ + all_.touches_.size();
}

history::touch_reader::~touch_reader() {
  decltype(all_.touches_) dropped;  // freed after unlocking: they may be many
  std::lock_guard const guard(all_.mutex_);
  if (--all_.touch_readers_ != 0) return;
  dropped.swap(all_.touches_);
  all_.first_touch_ += dropped.size();
  all_.bytes_ -= std::exchange(all_.touch_bytes_, 0);
}

bool history::touch_reader::take(std::uint64_t until, std::optional<touch>& next) {
  constexpr std::size_t touches_at_once = 64;
  next.reset();
  if (read_ahead_.empty()) {
    std::lock_guard const guard(all_.mutex_);
    if (position_ < all_.first_touch_) return false;
    auto const begin = static_cast<std::size_t>(position_ - all_.first_touch_);
    auto const count = std::min(all_.touches_.size() - begin, touches_at_once);
    for (auto i = begin + count; i-- != begin;) read_ahead_.push_back(all_.touches_[i]);
    position_ += count;
  }
  if (read_ahead_.empty() || read_ahead_.back().after > until) return true;
  next = std::move(read_ahead_.back());
  read_ahead_.pop_back();
  return true;
}

}  // namespace holdfast::server
