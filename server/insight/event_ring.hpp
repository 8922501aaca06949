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

/// The latest events of one thread, in a fixed number of bytes. The thread writes and never waits: what is oldest is
/// overwritten. Any other thread may read at any time; what is overwritten while it reads it counts as lost. (A
/// sequence lock over a log of words: Boehm, "Can seqlocks get along with programming language memory models?", 2012.)
class event_ring {
 public:
  /// @param words_max a power of two, in words of eight bytes; space for at least a few of the largest events.
  explicit event_ring(std::size_t words_max);

  static constexpr std::size_t key_bytes_max = 1024;  // what is beyond is cut off

  /// By the one thread that owns the ring.
  void append(lock_event const& event, std::string_view key) noexcept;

  /// How far somebody has read.
  struct cursor {
    std::uint64_t word = 0;
    std::uint64_t event = 0;  ///< how many events came before, the lost ones too
  };

  /// An event that was read.
  struct entry {
    lock_event event;
    std::string key;
  };

  /// How far the ring is written now.
  [[nodiscard]] std::uint64_t written() const noexcept { return written_.load(std::memory_order_acquire); }

  /// So many words are read at once: 64 KiB, which is at most 1,024 events.
  static constexpr std::uint64_t words_at_once = 8192;

  /// Appends some of what lies between `from` and the word `until`, which written() has returned, and moves `from`
  /// behind it: to be called again until `from.word` is `until` or beyond.
  /// @return how many events were overwritten before they could be read.
  std::uint64_t read_some(cursor& from, std::uint64_t until, std::vector<entry>& entries) const;

  /// All of it.
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
  std::uint64_t end_ = 0;     // the writer's own, as is the next
  std::uint32_t events_ = 0;  // how many were appended
  std::atomic<std::uint64_t> oldest_{0};
  std::atomic<std::uint64_t> written_{0};
};

}  // namespace holdfast::server
