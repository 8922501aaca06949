#include "server/insight/event_ring.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <tuple>

namespace holdfast::server {

namespace {

/// Zeros of the kernel's making: to write our own, as calloc() does where it has used memory, would touch each page
/// before the server listens.
std::uint64_t* map_zeros(std::size_t words) {
  auto* const pages = ::mmap(nullptr, words * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::uint64_t*>(pages);
}

}  // namespace

void event_ring::unmap::operator()(std::uint64_t* pages) const noexcept { ::munmap(pages, words * 8); }

// All words are used atomically, and relaxed: on the machines that we know these are plain loads and stores.
event_ring::event_ring(std::size_t words_max) : mask_(words_max - 1), words_(map_zeros(words_max), unmap{words_max}) {}

void event_ring::put(std::uint64_t at, void const* bytes, std::size_t count) noexcept {
  auto const* from = static_cast<char const*>(bytes);
  for (; count >= 8; count -= 8, from += 8) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, 8);
    word(at++).store(value, std::memory_order_relaxed);
  }
  if (count == 0) return;
  std::uint64_t value = 0;
  std::memcpy(&value, from, count);
  word(at).store(value, std::memory_order_relaxed);
}

void event_ring::get(std::uint64_t at, void* bytes, std::size_t count) const noexcept {
  auto* to = static_cast<char*>(bytes);
  for (; count >= 8; count -= 8, to += 8) {
    auto const value = word(at++).load(std::memory_order_relaxed);
    std::memcpy(to, &value, 8);
  }
  if (count == 0) return;
  auto const value = word(at).load(std::memory_order_relaxed);
  std::memcpy(to, &value, count);
}

/// Gives up the oldest events until there are so many words to write.
void event_ring::make_room(std::size_t words) noexcept {
  auto oldest = oldest_.load(std::memory_order_relaxed);
  if (end_ + words - oldest <= mask_ + 1) return;
  do {
    head old;
    get(oldest + size_word, reinterpret_cast<char*>(&old) + size_word * 8, 8);
    oldest += words_of(old);
  } while (end_ + words - oldest > mask_ + 1);
  oldest_.store(oldest, std::memory_order_relaxed);
  // Who sees one of the words that are written next sees this too.
  std::atomic_thread_fence(std::memory_order_release);
}

void event_ring::append(lock_event const& event, std::string_view key) noexcept {
  key = key.substr(0, key_bytes_max);
  head one{.id = event.id,
           .asked_ns = event.asked_ns,
           .granted_ns = event.granted_ns,
           .ended_or_hold_ns = event.what == lock_event::kind::granted ? event.hold_ns : event.ended_ns,
           .address = {},
           .position = event.position,
           .port = event.source.port,
           .key_bytes = static_cast<std::uint16_t>(key.size()),
           .number = events_++,
           .what = static_cast<std::uint8_t>(event.what),
           .operation = static_cast<std::uint8_t>(event.operation),
           .outcome = static_cast<std::uint8_t>(event.outcome),
           .address_kind = static_cast<std::uint8_t>(event.source.is)};
  std::memcpy(one.address, event.source.bytes.data(), sizeof one.address);
  auto const words = words_of(one);
  make_room(words);
  auto at = end_;
  std::apply([&](auto... word_of_head) { (word(at++).store(word_of_head, std::memory_order_relaxed), ...); },
             std::bit_cast<std::array<std::uint64_t, head_words>>(one));
  put(at, key.data(), key.size());
  end_ += words;
  written_.store(end_, std::memory_order_release);
}

std::uint64_t event_ring::read(cursor& from, std::uint64_t until, std::vector<entry>& entries) const {
  std::vector<std::uint64_t> copy;
  std::uint64_t lost = 0;
  constexpr std::uint64_t words_at_once = 8192;
  while (from.word < until) {
    from.word = std::max(from.word, oldest_.load(std::memory_order_acquire));
    if (from.word >= until) break;
    auto const count = std::min(until - from.word, words_at_once);
    copy.resize(count);
    get(from.word, copy.data(), count * 8);
    std::atomic_thread_fence(std::memory_order_acquire);
    auto const oldest = oldest_.load(std::memory_order_relaxed);
    // What lies before it may be torn; it is where an event begins.
    auto at = std::max(from.word, oldest);
    auto const end = from.word + count;
    while (at + head_words <= end) {
      head one;
      std::memcpy(&one, copy.data() + (at - from.word), sizeof one);
      auto const words = words_of(one);
      if (at + words > end) break;
      auto const skipped = static_cast<std::uint32_t>(one.number - static_cast<std::uint32_t>(from.event));
      lost += skipped;
      from.event += skipped + 1U;
      auto& made = entries.emplace_back();
      made.event = {.what = static_cast<lock_event::kind>(one.what),
                    .operation = static_cast<lock_operation>(one.operation),
                    .outcome = static_cast<lock_outcome>(one.outcome),
                    .position = one.position,
                    .id = one.id,
                    .source = {.bytes = {}, .port = one.port, .is = static_cast<peer_address::kind>(one.address_kind)},
                    .asked_ns = one.asked_ns,
                    .granted_ns = one.granted_ns,
                    .ended_ns = lock_event::never,
                    .hold_ns = 0};
      std::memcpy(made.event.source.bytes.data(), one.address, sizeof one.address);
      (made.event.what == lock_event::kind::granted ? made.event.hold_ns : made.event.ended_ns) = one.ended_or_hold_ns;
      made.key.assign(reinterpret_cast<char const*>(copy.data() + (at - from.word) + head_words), one.key_bytes);
      at += words;
    }
    from.word = std::min(std::max(from.word, at), until);
  }
  return lost;
}

}  // namespace holdfast::server
