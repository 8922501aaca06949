#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/insight/lock_event.hpp"

namespace holdfast::server {

/// The latest events of one thread in a fixed number of bytes. The owning thread writes and never waits: new events
/// overwrite the oldest. Any thread may read at any time; events overwritten during a read count as lost. (A sequence
/// lock over a log of words: Boehm, "Can seqlocks get along with programming language memory models?", 2012.)
class event_ring {
 public:
  /// @param words_max capacity in words of eight bytes: a power of two, enough for a few of the largest events.
  explicit event_ring(std::size_t words_max);

  static constexpr std::size_t key_bytes_max = 1024;  // longer keys are truncated

  /// On the owning thread only.
  void append(lock_event const& event, std::string_view key) noexcept;

  /// The position of a reader.
  struct cursor {
    std::uint64_t word = 0;
    std::uint64_t event = 0;  ///< the number of events before it, including lost ones
  };

  /// One event as read.
  struct entry {
    lock_event event;
    std::string key;
  };

  /// The end position of the ring now.
  [[nodiscard]] std::uint64_t written() const noexcept { return written_.load(std::memory_order_acquire); }

  /// Words read at once: 64 KiB, at most 1,024 events.
  static constexpr std::uint64_t words_at_once = 8192;

  /// Appends some of the events between `from` and the word `until`, a value of written(), and advances `from`. Call it
  /// again until `from.word` is `until` or beyond.
  /// @return the number of events that were overwritten before they could be read.
  std::uint64_t read_some(cursor& from, std::uint64_t until, std::vector<entry>& entries) const;

  /// Reads all of them.
  std::uint64_t read(cursor& from, std::uint64_t until, std::vector<entry>& entries) const;

 private:
  void make_room(std::size_t words) noexcept;

  struct unmap {
    std::size_t words;
    void operator()(std::uint64_t* pages) const noexcept;
  };
  [[nodiscard]] std::atomic_ref<std::uint64_t> word(std::uint64_t at) const noexcept {
    return std::atomic_ref(words_[at & mask_]);
  }

  std::size_t const mask_;
  std::unique_ptr<std::uint64_t[], unmap> words_;
  std::uint64_t end_ = 0;     // used by the writer only, like events_
  std::uint32_t events_ = 0;  // appended so far
  std::atomic<std::uint64_t> oldest_{0};
  std::atomic<std::uint64_t> written_{0};
};

}  // namespace holdfast::server
