#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace holdfast::server {

/// Counters of one named lock since the server started.
struct named_lock_counts {
  /// Changed by one thread at a time, read by any.
  class number {
   public:
    void add(std::uint64_t amount = 1) noexcept { set(value() + amount); }
    void subtract() noexcept { set(value() - 1); }
    [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

   private:
    void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
    std::atomic<std::uint64_t> value_{0};
  };

  number held, waiting;            ///< present tickets
  number grants, wait_ns;          ///< from the request to the grant; a restart counts as the request
  number holds, hold_ns;           ///< of ended holds, from the grant or a restart
  number held_lost, waiting_lost;  ///< tickets whose lease has expired
};

/// Counters of the first locks used, by name, and of all others together. So a client that invents a name per job grows
/// neither memory nor /metrics. Only the database's owner writes; any thread may read.
class named_lock_counters {
 public:
  static constexpr std::size_t names_max = 100;
  static constexpr std::string_view all_others = "_other";

  named_lock_counters() { slots_[0].name = all_others; }

  /// Valid during this object's lifetime; strong guarantee. A lock whose name is that of the other locks counts with
  /// them.
  [[nodiscard]] named_lock_counts& of(std::string_view name) {
    if (auto const found = by_name_.find(name); found != by_name_.end()) return found->second->counts;
    auto const used = used_.load(std::memory_order_relaxed);
    if (used == slots_.size() || name == all_others) return slots_[0].counts;
    auto& one = slots_[used];
    one.name = name;
    by_name_.emplace(one.name, &one);
    used_.store(used + 1, std::memory_order_release);
    return one.counts;
  }

  /// Calls visit(name, counts), beginning with the other locks.
  template <class Visitor>
  void for_each(Visitor&& visit) const {
    auto const used = used_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < used; ++i) visit(std::string_view(slots_[i].name), slots_[i].counts);
  }

 private:
  struct slot {
    std::string name;  // immutable once counted in used_
    named_lock_counts counts;
  };
  std::array<slot, names_max + 1> slots_;
  std::unordered_map<std::string_view, slot*> by_name_;  // used only by of()
  std::atomic<std::size_t> used_{1};
};

}  // namespace holdfast::server
