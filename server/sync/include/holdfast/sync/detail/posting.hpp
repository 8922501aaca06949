#pragma once
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/is_executor.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/asio/require.hpp>
#include <cstddef>
#include <holdfast/sync/executor_traits.hpp>
#include <type_traits>
#include <utility>

/// How a completion gets to its executor without a heap allocation.
namespace holdfast::sync::detail {

/// Room for what an executor that frees before calling has to remember about a function that holds one pointer: as much
/// as Asio's do. One that needs more gets it from Asio's recycled blocks.
struct posting_memory {
  alignas(void*) std::byte bytes[5 * sizeof(void*)];
};

/// Hands out a posting_memory, or, for what doesn't fit, Asio's recycled blocks.
template <class T>
class posting_allocator {
 public:
  using value_type = T;

  explicit posting_allocator(posting_memory& memory) noexcept : memory_(&memory) {}
  template <class U>
  posting_allocator(posting_allocator<U> const& other) noexcept : memory_(other.memory_) {}

  T* allocate(std::size_t count) {
    if (count * sizeof(T) <= sizeof(memory_->bytes) && alignof(T) <= alignof(posting_memory)) {
      return reinterpret_cast<T*>(memory_->bytes);
    }
    return boost::asio::recycling_allocator<T>().allocate(count);
  }

  void deallocate(T* block, std::size_t count) noexcept {
    if (reinterpret_cast<std::byte*>(block) != memory_->bytes) {
      boost::asio::recycling_allocator<T>().deallocate(block, count);
    }
  }

  template <class U>
  bool operator==(posting_allocator<U> const& other) const noexcept {
    return memory_ == other.memory_;
  }

 private:
  template <class>
  friend class posting_allocator;
  posting_memory* memory_;
};

/// What posting to `Executor` needs from the operation: memory of its own, or nothing.
struct no_posting_memory {};
template <class Executor>
using posting_memory_for = std::conditional_t<frees_before_calling<Executor>, posting_memory, no_posting_memory>;

/// Calls `function` on the executor, never before this returns. `memory` must stay until then; the allocator serves
/// executors that can't use it.
///
/// The function is posted as a continuation: the executor may keep it for the calling thread, which spares waking
/// another one. What waits for a lock has nothing else to do, and its section is what everybody waits for.
template <class Executor, class Allocator, class Function>
void post_to(Executor const& executor, [[maybe_unused]] posting_memory_for<Executor>& memory,
             [[maybe_unused]] Allocator const& allocator, Function&& function) {
  namespace execution = boost::asio::execution;
  if constexpr (frees_before_calling<Executor>) {
    boost::asio::prefer(boost::asio::require(executor, execution::blocking.never), execution::relationship.continuation,
                        execution::allocator(posting_allocator<void>(memory)))
        .execute(std::forward<Function>(function));
  } else if constexpr (execution::is_executor<Executor>::value) {
    boost::asio::prefer(boost::asio::require(executor, execution::blocking.never), execution::relationship.continuation,
                        execution::allocator(allocator))
        .execute(std::forward<Function>(function));
  } else {
    executor.defer(std::forward<Function>(function), allocator);
  }
}

/// Calls `function` on the executor after what is ready there already. Without memory of its own.
template <class Executor, class Function>
void post_plainly(Executor const& executor, Function&& function) {
  if constexpr (boost::asio::execution::is_executor<Executor>::value) {
    boost::asio::prefer(boost::asio::require(executor, boost::asio::execution::blocking.never),
                        boost::asio::execution::relationship.continuation,
                        boost::asio::execution::allocator(boost::asio::recycling_allocator<void>()))
        .execute(std::forward<Function>(function));
  } else {
    executor.defer(std::forward<Function>(function), boost::asio::recycling_allocator<void>());
  }
}

/// The executor's execution context, or null if it doesn't tell.
template <class Executor>
boost::asio::execution_context* context_of(Executor const& executor) {
  namespace execution = boost::asio::execution;
  if constexpr (boost::asio::can_query<Executor const&, execution::context_t>::value) {
    if constexpr (std::is_convertible_v<decltype(boost::asio::query(executor, execution::context)),
                                        boost::asio::execution_context&>) {
      boost::asio::execution_context& context = boost::asio::query(executor, execution::context);
      return &context;
    } else {
      return nullptr;
    }
  } else if constexpr (requires { executor.context(); }) {
    return &static_cast<boost::asio::execution_context&>(executor.context());
  } else {
    return nullptr;
  }
}

}  // namespace holdfast::sync::detail
