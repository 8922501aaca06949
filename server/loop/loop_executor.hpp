#pragma once

#include <boost/asio/execution.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "server/loop/event_loop.hpp"

namespace holdfast::server {

/// A function queued on a loop. Its memory is freed before the function is called.
template <class Function, class Allocator>
class posted_function final : public loop_operation {
 public:
  static void post(event_loop& loop, Function&& function, Allocator const& allocator) {
    rebound memory(allocator);
    auto* const self = std::allocator_traits<rebound>::allocate(memory, 1);
    loop.post(*::new (static_cast<void*>(std::to_address(self))) posted_function(std::move(function), allocator));
  }

 private:
  using rebound = typename std::allocator_traits<Allocator>::template rebind_alloc<posted_function>;

  posted_function(Function&& function, Allocator const& allocator)
      : loop_operation(&finish_it), function_(std::move(function)), allocator_(allocator) {}

  static void finish_it(loop_operation& base, bool run) {
    auto& self = static_cast<posted_function&>(base);
    Function function(std::move(self.function_));
    rebound memory(self.allocator_);
    self.~posted_function();
    std::allocator_traits<rebound>::deallocate(memory, &self, 1);
    if (run) function();
  }

  [[no_unique_address]] Function function_;
  [[no_unique_address]] Allocator allocator_;
};

/// Bits for the properties requested by asio::require() and asio::prefer().
namespace loop_executor_properties {
inline constexpr unsigned blocking_never = 1;
inline constexpr unsigned continuation = 2;
}  // namespace loop_executor_properties

/// The executor by which Asio runs functions on a loop. dispatch() on the loop's running thread calls the function at
/// once; its exceptions, and those of posted functions, propagate from event_loop::run(). The loop runs until it is
/// stopped, so outstanding work is not tracked. Marking a function as a continuation has no effect.
template <class Allocator, unsigned properties>
class basic_loop_executor {
  template <unsigned others>
  using with = basic_loop_executor<Allocator, others>;
  static constexpr unsigned never = loop_executor_properties::blocking_never;
  static constexpr unsigned continuation = loop_executor_properties::continuation;
  using blocking_t = asio::execution::blocking_t;
  using relationship_t = asio::execution::relationship_t;
  using outstanding_work_t = asio::execution::outstanding_work_t;
  using mapping_t = asio::execution::mapping_t;

 public:
  /// Implicit, so that a loop can be passed where its executor is expected.
  basic_loop_executor(event_loop& loop, Allocator const& allocator = Allocator()) noexcept
      : loop_(&loop), allocator_(allocator) {}

  [[nodiscard]] event_loop& loop() const noexcept { return *loop_; }
  [[nodiscard]] bool running_in_this_thread() const noexcept { return loop_->runs_here(); }

  /// Thread-safe.
  template <class Function>
  void execute(Function&& function) const {
    using function_type = std::decay_t<Function>;
    if constexpr ((properties & never) == 0) {
      if (loop_->runs_here()) {
        try {
          function_type copy(std::forward<Function>(function));
          copy();
        } catch (...) {
          loop_->throw_later(std::current_exception());
        }
        return;
      }
    }
    if constexpr (std::is_same_v<Allocator, std::allocator<void>>) {
      // The user has chosen no allocator.
      using recycling = asio::recycling_allocator<void>;
      posted_function<function_type, recycling>::post(*loop_, function_type(std::forward<Function>(function)),
                                                      recycling());
    } else {
      posted_function<function_type, Allocator>::post(*loop_, function_type(std::forward<Function>(function)),
                                                      allocator_);
    }
  }

  friend bool operator==(basic_loop_executor const& one, basic_loop_executor const& other) noexcept {
    return one.loop_ == other.loop_ && one.allocator_ == other.allocator_;
  }
  friend bool operator!=(basic_loop_executor const& one, basic_loop_executor const& other) noexcept {
    return !(one == other);
  }

  // --- properties, for asio::query(), require() and prefer() ---

  [[nodiscard]] event_loop& query(asio::execution::context_t) const noexcept { return *loop_; }

  [[nodiscard]] static constexpr blocking_t query(blocking_t) noexcept {
    return (properties & never) != 0 ? blocking_t(blocking_t::never) : blocking_t(blocking_t::possibly);
  }
  [[nodiscard]] with<properties & ~never> require(blocking_t::possibly_t) const noexcept {
    return with < properties & ~never > (*loop_, allocator_);
  }
  [[nodiscard]] with<properties | never> require(blocking_t::never_t) const noexcept {
    return with < properties | never > (*loop_, allocator_);
  }

  [[nodiscard]] static constexpr relationship_t query(relationship_t) noexcept {
    return (properties & continuation) != 0 ? relationship_t(relationship_t::continuation)
                                            : relationship_t(relationship_t::fork);
  }
  [[nodiscard]] with<properties & ~continuation> require(relationship_t::fork_t) const noexcept {
    return with < properties & ~continuation > (*loop_, allocator_);
  }
  [[nodiscard]] with<properties | continuation> require(relationship_t::continuation_t) const noexcept {
    return with < properties | continuation > (*loop_, allocator_);
  }

  [[nodiscard]] static constexpr outstanding_work_t query(outstanding_work_t) noexcept {
    return outstanding_work_t(outstanding_work_t::untracked);
  }
  [[nodiscard]] basic_loop_executor require(outstanding_work_t::untracked_t) const noexcept { return *this; }

  [[nodiscard]] static constexpr mapping_t query(mapping_t) noexcept { return mapping_t(mapping_t::thread); }

  template <class Other>
  [[nodiscard]] Allocator query(asio::execution::allocator_t<Other>) const noexcept {
    return allocator_;
  }
  template <class Other>
  [[nodiscard]] basic_loop_executor<Other, properties> require(
      asio::execution::allocator_t<Other> other) const noexcept {
    return basic_loop_executor<Other, properties>(*loop_, other.value());
  }
  [[nodiscard]] basic_loop_executor<std::allocator<void>, properties> require(
      asio::execution::allocator_t<void>) const noexcept {
    return basic_loop_executor<std::allocator<void>, properties>(*loop_);
  }

 private:
  event_loop* loop_;
  [[no_unique_address]] Allocator allocator_;
};

inline event_loop::executor_type event_loop::get_executor() noexcept {
  return executor_type(*this);
}

}  // namespace holdfast::server
