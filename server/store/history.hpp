#pragma once

#include <boost/container/deque.hpp>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "server/journal/change.hpp"

namespace holdfast::server {

/// The latest changes of data and of named locks, in the order of their revisions, which follow one another without a
/// gap. Bounded: the oldest are forgotten. Whoever owns the database's lock appends; any thread reads.
class history {
 public:
  /// Is notified of new changes. Called by whoever owns the database's lock, so it must be brief.
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

  /// Appends changes, of which each has the next revision, and forgets what is too much; all of it, where there is no
  /// memory for more. Changes without a revision of their own are passed over.
  void append(std::span<change> changes) noexcept;
  void append(change&& one) noexcept { append(std::span(&one, 1)); }

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
  void forget() noexcept;
  void forget_all() noexcept;
  void tell() const noexcept {
    for (auto* const each : listeners_) each->on_change();
  }

  std::size_t const changes_max_;
  std::uint64_t const bytes_max_;
  std::vector<listener*> listeners_;

  std::mutex mutable mutex_;
  // In large blocks: in those of std::deque there is space for four changes, and every fourth would allocate.
  boost::container::deque<change, void, boost::container::deque_options_t<boost::container::block_bytes<16384U>>>
      changes_;
  std::uint64_t last_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace holdfast::server
