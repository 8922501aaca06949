#pragma once
#include <atomic>
#include <cstddef>
#include <holdfast/sync/detail/context_link.hpp>
#include <mutex>
#include <new>
#include <utility>

/// Coroutines that have awaited a lock but let others run before they ask for it; see fairness.hpp. The lock doesn't
/// know them, so they are known here, and when the lock is destroyed meanwhile they are told. Rare enough for the
/// process's one mutex.
namespace holdfast::sync::detail {

/// One such coroutine, from its construction until it steps back or goes.
class standing_aside {
 public:
  static constexpr std::size_t room_bytes = 3 * sizeof(void*);

  /// `lock` says which it is. `room`, of room_bytes, is used as long as this, or what it is moved into, stands aside.
  standing_aside(void const* lock, void* room) noexcept : entry_(::new(room) entry{lock, nullptr, nullptr}) {
    std::scoped_lock guard(links_mutex);
    entry_->next = first;
    if (first) first->previous = entry_;
    first = entry_;
    count.fetch_add(1, std::memory_order_relaxed);
  }
  standing_aside(standing_aside&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  standing_aside& operator=(standing_aside&&) = delete;
  ~standing_aside() { (void)step_back(); }

  /// True: the lock is still there.
  bool step_back() noexcept {
    if (!entry_) return false;
    std::scoped_lock guard(links_mutex);
    (entry_->previous ? entry_->previous->next : first) = entry_->next;
    if (entry_->next) entry_->next->previous = entry_->previous;
    count.fetch_sub(1, std::memory_order_relaxed);
    return std::exchange(entry_, nullptr)->lock != nullptr;
  }

 private:
  friend void tell_those_aside_that_it_goes(void const* lock) noexcept;

  struct entry {
    void const* lock;  // null: destroyed
    entry* next;
    entry* previous;
  };
  inline static entry* first = nullptr;  // with links_mutex
  inline static std::atomic<std::size_t> count{0};

  entry* entry_;
};

/// By the destructor of a lock.
inline void tell_those_aside_that_it_goes(void const* lock) noexcept {
  // Who stands aside for this lock has awaited it before it is destroyed, so that the count is not too low.
  if (standing_aside::count.load(std::memory_order_relaxed) == 0) return;
  std::scoped_lock guard(links_mutex);
  for (auto* e = standing_aside::first; e; e = e->next) {
    if (e->lock == lock) e->lock = nullptr;
  }
}

}  // namespace holdfast::sync::detail
