#pragma once
#include <cstddef>
#include <holdfast/sync/detail/context_link.hpp>
#include <holdfast/sync/detail/waiter.hpp>
#include <holdfast/sync/executor_traits.hpp>
#include <span>
#include <utility>

/// How those learn of it whose functions somebody else has run.
namespace holdfast::sync::detail {

/// Whether one message may go to `Executor`'s context for several waiters. Its memory is that of one of them, who may
/// be gone before an executor that frees later gives it back.
template <class Executor>
inline constexpr bool travel_together = is_context_executor<Executor> && frees_before_calling<Executor>;

/// Functions that have run, of one execution context, on their way there. The context's queue has a lock that its own
/// thread wants too, before each handler: going there once for all of them is what makes a long queue of functions
/// cheap. Once there each is posted by itself, to the queue of the running thread, which needs no lock; so handlers
/// are called as if each had come alone, one may throw, and other threads of the context take their part.
class finished_functions {
 public:
  explicit finished_functions(waiter& first) noexcept : first_(&first) {}
  finished_functions(finished_functions&& other) noexcept : first_(std::exchange(other.first_, nullptr)) {}
  finished_functions& operator=(finished_functions&&) = delete;
  /// The executor never got there.
  ~finished_functions() {
    while (waiter* const w = pop_front()) w->discard();
  }

  void operator()() noexcept {
    while (waiter* const w = pop_front()) w->finish();
  }

 private:
  waiter* pop_front() noexcept {
    waiter* const w = first_;
    if (w) first_ = static_cast<waiter*>(w->next);
    return w;
  }

  waiter* first_;
};

/// Lets the waiters of functions that have run know. Those whose context runs on this thread, or whose executor is more
/// than its context's own, are told one by one; for each other context one message goes.
inline void tell_finished(std::span<waiter*> done) noexcept {
  for (std::size_t i = 0; i < done.size(); ++i) {
    waiter* const w = done[i];
    if (!w) continue;
    context_service* const service = w->delivering;
    unsigned count = 1;
    if (service && w->finishes_together()) {
      waiter* last = w;
      for (waiter*& other : done.subspan(i + 1)) {
        if (!other || other->delivering != service || !other->finishes_together()) continue;
        last->next = other;
        last = std::exchange(other, nullptr);
        ++count;
      }
      last->next = nullptr;
    }
    if (count == 1) {
      w->finish();
    } else {
      w->finish_all();
    }
    while (service && count-- != 0) service->delivery_ended();
  }
}

}  // namespace holdfast::sync::detail
