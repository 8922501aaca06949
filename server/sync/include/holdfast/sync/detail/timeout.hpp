#pragma once
#include <atomic>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <holdfast/sync/executor_traits.hpp>
#include <memory>
#include <mutex>
#include <utility>

/// The deadline of a waiting operation. Timer and grant may come at once and on different threads, and the timer's own
/// completion comes even later than the operation's, so the timer lives in a block of its own that both refer to.
namespace holdfast::sync::detail {

struct no_deadline {};

struct until {
  std::chrono::steady_clock::time_point time;
};

/// From now on; what is too long for the clock is for ever.
inline until after(std::chrono::steady_clock::duration duration) noexcept {
  auto const now = std::chrono::steady_clock::now();
  auto const longest = std::chrono::steady_clock::time_point::max() - now;
  return {duration < longest ? now + duration : std::chrono::steady_clock::time_point::max()};
}

template <class Deadline, class Operation, class Executor>
class timeout;

/// Waits for ever.
template <class Operation, class Executor>
class timeout<no_deadline, Operation, Executor> {
 public:
  template <class Enqueue>
  bool arm_around(no_deadline, Executor const&, Operation&, Enqueue&& enqueue) {
    return enqueue();
  }
  void forget() noexcept {}
  void stop() noexcept {}
};

template <class Operation, class Executor>
class timeout<until, Operation, Executor> {
  static_assert(deadline_timer<timer_of_t<Executor>, Executor>);

 public:
  timeout() = default;
  timeout(timeout const&) = delete;
  timeout& operator=(timeout const&) = delete;
  ~timeout() { stop(); }

  /// Arms the timer, then enqueues; the timer's handler waits until that is done. Returns what enqueue() does.
  template <class Enqueue>
  bool arm_around(until deadline, Executor const& executor, Operation& operation, Enqueue&& enqueue) {
    block_ = block::create(executor);
    std::scoped_lock guard(block_->mutex);
    block* const armed = block_;  // once enqueued, the operation may vanish as soon as the guard is gone
    armed->operation = &operation;
    armed->timer.expires_at(deadline.time);
    armed->timer.async_wait(expiry(armed, executor));
    bool const acquired = enqueue();
    if (acquired) armed->operation = nullptr;
    return acquired;
  }

  /// From now on the timer doesn't touch the operation. By whoever took it out of the queue, on any thread.
  void forget() noexcept {
    if (!block_) return;
    std::scoped_lock guard(block_->mutex);
    block_->operation = nullptr;
  }

  /// On the waiter's executor, after forget() or expiry.
  void stop() noexcept {
    if (!block_) return;
    try {
      block_->timer.cancel();
    } catch (...) {  // then it expires in vain
    }
    std::exchange(block_, nullptr)->drop_reference();
  }

 private:
  struct block {
    explicit block(Executor const& executor) : timer(executor) {}

    static block* create(Executor const& executor) {
      boost::asio::recycling_allocator<block> allocator;
      block* const memory = allocator.allocate(1);
      try {
        return ::new (static_cast<void*>(memory)) block(executor);
      } catch (...) {
        allocator.deallocate(memory, 1);
        throw;
      }
    }

    void drop_reference() noexcept {
      if (references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
      this->~block();
      boost::asio::recycling_allocator<block>().deallocate(this, 1);
    }

    std::mutex mutex;
    Operation* operation = nullptr;  // with `mutex`
    std::atomic<int> references{1};
    timer_of_t<Executor> timer;
  };

  class expiry {
   public:
    using executor_type = Executor;

    expiry(block* b, Executor const& executor) : block_(b), executor_(executor) {
      block_->references.fetch_add(1, std::memory_order_relaxed);
    }
    expiry(expiry&& other) noexcept
        : block_(std::exchange(other.block_, nullptr)), executor_(std::move(other.executor_)) {}
    expiry& operator=(expiry&&) = delete;
    ~expiry() {
      if (block_) block_->drop_reference();
    }

    executor_type get_executor() const noexcept { return executor_; }

    void operator()(boost::system::error_code) {
      Operation* expired = nullptr;
      {
        std::scoped_lock guard(block_->mutex);
        if (block_->operation && block_->operation->expire()) expired = std::exchange(block_->operation, nullptr);
      }
      if (expired) expired->finish_expired();
    }

   private:
    block* block_;
    Executor executor_;
  };

  block* block_ = nullptr;
};

}  // namespace holdfast::sync::detail
