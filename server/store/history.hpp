#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "server/journal/change.hpp"

namespace holdfast::server {

/// The latest changes of data, in the order of their revisions, which follow one another without a gap. Bounded: the
/// oldest are forgotten. Whoever owns the database's lock appends; any thread reads.
class history {
 public:
  /// Hears that there are new changes. Called by whoever owns the database's lock, so it must be brief.
  class listener {
   public:
    virtual void on_change() noexcept = 0;

   protected:
    ~listener() = default;
  };

  /// @param changes_max, bytes_max how much is kept, by bytes_of().
  history(std::size_t changes_max, std::uint64_t bytes_max) noexcept
      : changes_max_(changes_max), bytes_max_(bytes_max) {}

  /// What a change takes in memory, about; its value may be stored still, and is counted all the same.
  [[nodiscard]] static std::uint64_t bytes_of(change const& one) noexcept {
    return sizeof(change) + one.key.size() + (one.value ? one.value->size() : 0);
  }

  /// Goes on behind this revision, in a database that was not made by changes. Before anything is appended.
  void start_after(std::uint64_t revision) noexcept { last_ = revision; }

  // --- whoever owns the lock ---

  /// Appends changes, of which each has the next revision, and forgets what is too much. Strong guarantee:
  /// std::bad_alloc leaves the history as it was.
  void append(change&& one);
  void append(std::vector<change>&& all);

  // --- any thread ---

  /// Until the history ends; before others use it.
  void listen(listener& one) { listeners_.push_back(&one); }

  [[nodiscard]] std::uint64_t last_revision() const;
  /// Changes from this revision on are known; last_revision() + 1 where none is.
  [[nodiscard]] std::uint64_t first_revision() const;
  [[nodiscard]] std::uint64_t bytes() const;

  /// Appends changes that follow `revision`, up to `changes_max` of them.
  /// @return false, and appends none, where some that follow have been forgotten.
  [[nodiscard]] bool take(std::uint64_t revision, std::size_t changes_max, std::vector<change>& out) const;

 private:
  void push(change&& one);
  void forget() noexcept;

  std::size_t const changes_max_;
  std::uint64_t const bytes_max_;
  std::vector<listener*> listeners_;

  std::mutex mutable mutex_;
  std::deque<change> changes_;
  std::uint64_t last_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace holdfast::server
