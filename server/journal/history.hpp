#pragma once

#include <boost/container/deque.hpp>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "server/journal/change.hpp"

namespace holdfast::server {

/// The latest changes of data and named locks, ordered by revision without gaps. Bounded: the oldest are forgotten. The
/// owner of the database's lock appends; any thread reads.
class history {
 public:
  /// Notified of new changes. Called by the owner of the database's lock, so it must be brief.
  class listener {
   public:
    virtual void on_change() noexcept = 0;

   protected:
    ~listener() = default;
  };

  /// @param changes_max, bytes_max limits, as counted by bytes_of().
  history(std::size_t changes_max, std::uint64_t bytes_max) noexcept
      : changes_max_(changes_max), bytes_max_(bytes_max) {}

  /// Approximate memory of a change. Its value may also be stored, and is counted nevertheless.
  [[nodiscard]] static std::uint64_t bytes_of(change const& one) noexcept {
    return sizeof(change) + one.key.size() + (one.value ? one.value->size() : 0);
  }

  /// Continues after this revision, for a database that was loaded. Call before the first append.
  void start_after(std::uint64_t revision) noexcept { last_ = revision; }

  // --- whoever owns the lock ---

  /// Appends changes with consecutive revisions, and forgets the oldest beyond the limits, or everything if memory runs
  /// out. Changes without a revision of their own are skipped, except for touches while there is a touch_reader.
  void append(std::span<change> changes) noexcept;
  void append(change&& one) noexcept { append(std::span(&one, 1)); }

  // --- any thread ---

  /// Valid until the history ends; call before others use it.
  void listen(listener& one) { listeners_.push_back(&one); }

  [[nodiscard]] std::uint64_t last_revision() const;
  /// The first revision whose change is available; last_revision() + 1 if none is.
  [[nodiscard]] std::uint64_t first_revision() const;
  [[nodiscard]] std::uint64_t bytes() const;

  /// Appends changes after `revision`, up to `changes_max`. @return false, with none appended, if some of them have
  /// been forgotten.
  [[nodiscard]] bool take(std::uint64_t revision, std::size_t changes_max, std::vector<change>& out) const;

  class touch_reader;

  /// A touch, which has no revision of its own, and its place among the changes.
  struct touch {
    std::uint64_t after = 0;  ///< it was made after the change with this revision and before the next one
    change what;
  };

 private:
  void keep_touch(change&& one) noexcept;
  void forget() noexcept;
  void forget_touches(std::size_t count) noexcept;
  void forget_all() noexcept;
  void tell() const noexcept {
    for (auto* const each : listeners_) each->on_change();
  }

  std::size_t const changes_max_;
  std::uint64_t const bytes_max_;
  std::vector<listener*> listeners_;

  std::mutex mutable mutex_;
  // Large blocks: those of std::deque hold four changes, so every fourth append would allocate.
  boost::container::deque<change, void, boost::container::deque_options_t<boost::container::block_bytes<16384U>>>
      changes_;
  std::uint64_t last_ = 0;
  std::uint64_t bytes_ = 0;  // of changes_ and touches_

  // A part of the limits, and only while somebody reads them.
  boost::container::deque<touch> touches_;
  std::size_t touch_readers_ = 0;
  std::uint64_t first_touch_ = 0;  // the number of the first one
  std::uint64_t touch_bytes_ = 0;
};

/// Reads the touches that are appended while it exists, and their places among the changes. Any thread, one at a
/// time.
class history::touch_reader {
 public:
  explicit touch_reader(history& all);
  ~touch_reader();
  touch_reader(touch_reader const&) = delete;
  touch_reader& operator=(touch_reader const&) = delete;

  /// Takes the next touch if it was made before the change with the revision `until` + 1; nullopt: there is none yet.
  /// @return false if some have been forgotten.
  [[nodiscard]] bool take(std::uint64_t until, std::optional<touch>& next);

 private:
  history& all_;
  std::uint64_t position_ = 0;     // the number of the next touch to read ahead
  std::vector<touch> read_ahead_;  // the next one is the last
};

}  // namespace holdfast::server
