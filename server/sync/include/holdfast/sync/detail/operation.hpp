// SPDX-License-Identifier: MIT
#pragma once
/// Waiting operations: how a lock sees them, their execution contexts, executors and deadlines. The lock decides who is
/// granted; this file notifies the operation, and finds it when its lock or context is destroyed.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <holdfast/sync/detail/asio.hpp>
#include <holdfast/sync/detail/lock_core.hpp>
#include <holdfast/sync/executor_traits.hpp>
#include <holdfast/sync/policy.hpp>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace holdfast::sync::detail {

struct context_link;
class context_service;
struct insider;

/// A waiting operation as the lock sees it. The thread that takes it out of the queue calls exactly one of grant(),
/// abort() and discard(), or, for a function, run() and then finish(), outside the internal lock. Afterwards neither
/// the waiter nor the lock may be used, because the waiter may already have run, released and destroyed both.
class waiter : public queue_node<std_atomics> {
 public:
  explicit waiter(bool is_a_function = false) noexcept : is_function(is_a_function) {}

  /// The waiter owns the lock now: notify it on its executor.
  virtual void grant() noexcept = 0;

  /// The lock is being destroyed, so the waiter never owns it: notify it on its executor.
  virtual void abort() noexcept = 0;

  /// The waiter's execution context is being destroyed: destroy the waiter without calling its completion.
  virtual void discard() noexcept = 0;

  /// Runs the waiter's function on this thread, which owns the lock for it.
  virtual void run() noexcept {}

  /// The function has run and the lock is passed on: notify the waiter on its executor.
  virtual void finish() noexcept {}

  /// Notifies this waiter and those linked behind it, all of one context and with finishes_together(): one post reaches
  /// the context, and from there each waiter is notified as by finish().
  virtual void finish_all() noexcept {}

  /// True if the executor is its context's plain one, so that any other plain executor of the context is equivalent.
  virtual bool finishes_together() const noexcept { return false; }

  /// True if the calling thread is running the waiter's execution context, which therefore can't be destroyed
  /// meanwhile.
  virtual bool context_runs_here() const noexcept = 0;

  bool const is_function;
  context_link* link = nullptr;           // set before queueing, then constant; null if the context is unknown
  context_service* delivering = nullptr;  // see `delivery`

 protected:
  ~waiter() = default;
};

/// A waiter with the data that the lock's instrumentation keeps for it.
template <class Policy>
class waiter_of : public waiter {
 public:
  using waiter::waiter;
  [[no_unique_address]] typename instrument<Policy>::ticket ticket{};

 protected:
  ~waiter_of() = default;
};

// How a lock learns that an execution context is being destroyed while its waiters are queued.
//
// A lock is not an I/O object: it has no executor, and coroutines of any context may wait for it. So every lock keeps
// one link for each context that ever had a queued waiter, and a service in the context keeps the other ends of the
// links. When a context is destroyed, the service removes its waiters from all queues and destroys them; when a lock is
// destroyed, it removes its links. Both are rare, and so is creating a link, so one mutex for the entire process
// protects all links. Finding an existing link, once per wait, takes no lock.

/// A FIFO chain of waiters that have left their queue.
struct waiter_chain {
  void push_back(waiter& w) {
    w.next = nullptr;
    (last ? last->next : first) = &w;
    last = &w;
  }
  waiter* pop_front() {
    auto* w = static_cast<waiter*>(first);
    if (w && !(first = w->next)) last = nullptr;
    return w;
  }
  queue_node<std_atomics>* first = nullptr;
  queue_node<std_atomics>* last = nullptr;
};

struct context_link {
  /// Moves the link's waiters to `taken`, and waiters that become owners by their removal to `granted`.
  using take_out_function = void (*)(void* lock, context_link const& link, waiter_chain& taken, waiter_chain& granted);

  std::atomic<asio::execution_context*> context{nullptr};  // null once its context is gone; the link is then reusable
  context_service* service = nullptr;                      // constant while `context` is set
  context_link* next_of_lock = nullptr;                    // constant once published
  context_link* next_of_service = nullptr;                 // this and the following are protected by links_mutex
  context_link* previous_of_service = nullptr;
  void* lock = nullptr;
  take_out_function take_out = nullptr;
};

HOLDFAST_SYNC_ONCE_IN_A_PROCESS inline constinit std::mutex links_mutex;

/// Notifies a waiter that has left its queue that it owns the lock.
inline void deliver_grant(waiter& w) noexcept;

/// Created in every execution context that had a waiter.
class HOLDFAST_SYNC_ONCE_IN_A_PROCESS context_service : public asio::execution_context::service {
 public:
  using key_type = context_service;
  inline static asio::execution_context::id id;

  explicit context_service(asio::execution_context& context) : service(context) {}
  // A service created while its context is being destroyed gets no shutdown() call.
  ~context_service() override { take_out_waiters(); }

  bool is_shut_down() const { return is_shut_down_; }  // with links_mutex

  void attach(context_link& link) {  // with links_mutex
    link.service = this;
    link.previous_of_service = nullptr;
    link.next_of_service = links_;
    if (links_) links_->previous_of_service = &link;
    links_ = &link;
  }

  void detach(context_link& link) {  // with links_mutex
    (link.previous_of_service ? link.previous_of_service->next_of_service : links_) = link.next_of_service;
    if (link.next_of_service) link.next_of_service->previous_of_service = link.previous_of_service;
  }

  void delivery_begins() noexcept { deliveries_begun_.fetch_add(1, std::memory_order_relaxed); }
  void delivery_ended() noexcept { deliveries_ended_.fetch_add(1, std::memory_order_release); }

 private:
  void shutdown() override { take_out_waiters(); }

  void take_out_waiters() {
    waiter_chain taken;
    waiter_chain granted;
    {
      std::scoped_lock guard(links_mutex);
      is_shut_down_ = true;
      while (context_link* const link = links_) {
        link->take_out(link->lock, *link, taken, granted);
        detach(*link);
        link->service = nullptr;
        link->context.store(nullptr, std::memory_order_release);
      }
    }
    while (waiter* const w = granted.pop_front()) deliver_grant(*w);
    // Another thread may still be notifying a waiter that it has just removed, which needs this context. The queues'
    // internal locks order delivery_begins() before take_out(), so the count of begun deliveries is final here.
    std_atomics::backoff backoff;
    while (deliveries_ended_.load(std::memory_order_acquire) != deliveries_begun_.load(std::memory_order_relaxed)) {
      backoff();
    }
    while (waiter* const w = taken.pop_front()) w->discard();
  }

  context_link* links_ = nullptr;
  bool is_shut_down_ = false;  // with links_mutex
  std::atomic<std::uint64_t> deliveries_begun_{0};
  std::atomic<std::uint64_t> deliveries_ended_{0};
};

/// Prevents the destruction of a waiter's context between the waiter's removal from the queue and the end of its
/// delivery. Free of cost on a thread that runs the context, which then can't be destroyed.
class delivery {
 public:
  /// Called under the internal lock of the waiter's queue.
  static void begin(waiter& w) noexcept {
    if (w.link && !w.context_runs_here()) {
      w.delivering = w.link->service;
      w.delivering->delivery_begins();
    }
  }

  /// Covers the delivery, during which the waiter may be destroyed.
  explicit delivery(waiter const& w) noexcept : service_(w.delivering) {}
  delivery(delivery const&) = delete;
  delivery& operator=(delivery const&) = delete;
  ~delivery() {
    if (service_) service_->delivery_ended();
  }

 private:
  context_service* const service_;
};

/// A waiter whose executor cannot take the grant (out of memory, or being destroyed) passes the lock on, possibly to a
/// waiter with the same problem. This list turns the recursion into a loop, whatever the number of such waiters.
struct grants_in_progress {
  waiter* being_told = nullptr;
  waiter_chain refused;
};
HOLDFAST_SYNC_ONCE_IN_A_PROCESS inline constinit thread_local grants_in_progress* grants_of_this_thread = nullptr;

/// Called by a waiter that owns, before it passes the lock on. True: it will be discarded later instead.
inline bool passes_on_later(waiter& w) noexcept {
  auto* const grants = grants_of_this_thread;
  if (!grants || grants->being_told != &w) return false;
  grants->being_told = nullptr;
  grants->refused.push_back(w);
  return true;
}

inline void deliver_grant(waiter& w, grants_in_progress& grants) noexcept {
  context_service* const service = w.delivering;
  waiter* const outer = std::exchange(grants.being_told, &w);
  w.grant();
  bool const refused = !grants.being_told;
  grants.being_told = outer;
  if (service && !refused) service->delivery_ended();  // otherwise it ends when the waiter is discarded
}

inline void deliver_grant(waiter& w) noexcept {
  if (grants_of_this_thread) return deliver_grant(w, *grants_of_this_thread);
  grants_in_progress grants;
  grants_of_this_thread = &grants;
  deliver_grant(w, grants);
  while (waiter* const refused = grants.refused.pop_front()) {
    delivery const in_progress(*refused);
    refused->discard();
  }
  grants_of_this_thread = nullptr;
}

/// A lock's links. Thread-safe. The destructor removes all of them.
class context_links {
 public:
  context_links() = default;
  context_links(context_links const&) = delete;
  context_links& operator=(context_links const&) = delete;
  ~context_links() {
    context_link* link = first_.load(std::memory_order_acquire);
    if (!link) return;
    std::scoped_lock guard(links_mutex);
    while (link) {
      context_link* const after = link->next_of_lock;
      if (link->context.load(std::memory_order_relaxed)) link->service->detach(*link);
      delete link;
      link = after;
    }
  }

  /// Returns null if the context is being destroyed. May throw std::bad_alloc for a new context.
  context_link* find_or_create(asio::execution_context& context, void* lock, context_link::take_out_function take_out) {
    for (context_link* l = first_.load(std::memory_order_acquire); l; l = l->next_of_lock) {
      if (l->context.load(std::memory_order_acquire) == &context) return l;
    }
    return create(context, lock, take_out);
  }

  /// False if waiters of more than one context may wait.
  bool are_of_one_context() const noexcept {
    unsigned contexts = 0;
    for (context_link* l = first_.load(std::memory_order_acquire); l; l = l->next_of_lock) {
      if (l->context.load(std::memory_order_relaxed)) ++contexts;
    }
    return contexts <= 1;
  }

 private:
  [[gnu::noinline]] context_link* create(asio::execution_context& context, void* lock,
                                         context_link::take_out_function take_out) {
    auto& service = asio::use_service<context_service>(context);
    std::scoped_lock guard(links_mutex);
    if (service.is_shut_down()) return nullptr;
    context_link* unused = nullptr;
    for (context_link* l = first_.load(std::memory_order_relaxed); l; l = l->next_of_lock) {
      auto* const linked = l->context.load(std::memory_order_relaxed);
      if (linked == &context) return l;
      if (!linked) unused = l;
    }
    bool const is_new = !unused;
    if (is_new) {
      unused = new context_link;
      unused->lock = lock;
      unused->take_out = take_out;
      unused->next_of_lock = first_.load(std::memory_order_relaxed);
    }
    service.attach(*unused);
    unused->context.store(&context, std::memory_order_release);
    if (is_new) first_.store(unused, std::memory_order_release);
    return unused;
  }

  std::atomic<context_link*> first_{nullptr};
};

// How a completion reaches its executor without a heap allocation.

/// Memory for the queue entry of an executor that frees before calling, for a function that holds one pointer; large
/// enough for Asio's executors. Larger entries use Asio's recycled blocks.
struct posting_memory {
  alignas(void*) std::byte bytes[5 * sizeof(void*)];
};

/// Allocates from a posting_memory, or from Asio's recycled blocks if that is too small.
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
    return asio::recycling_allocator<T>().allocate(count);
  }

  void deallocate(T* block, std::size_t count) noexcept {
    if (reinterpret_cast<std::byte*>(block) != memory_->bytes) {
      asio::recycling_allocator<T>().deallocate(block, count);
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

/// The memory that an operation provides for posting to `Executor`, or nothing.
struct no_posting_memory {};
template <class Executor>
using posting_memory_for = std::conditional_t<frees_before_calling<Executor>, posting_memory, no_posting_memory>;

/// Calls `function` on the executor, never before post_to() returns. `memory` must live until then; the allocator is
/// for executors that can't use it.
///
/// The function is posted as a continuation, so the executor may keep it for the calling thread and need not wake
/// another one. The waiter has nothing else to do, and others wait for its section.
template <class Executor, class Allocator, class Function>
void post_to(Executor const& executor, [[maybe_unused]] posting_memory_for<Executor>& memory,
             [[maybe_unused]] Allocator const& allocator, Function&& function) {
  namespace execution = asio::execution;
  if constexpr (frees_before_calling<Executor>) {
    asio::prefer(asio::require(executor, execution::blocking.never), execution::relationship.continuation,
                 execution::allocator(posting_allocator<void>(memory)))
        .execute(std::forward<Function>(function));
  } else if constexpr (execution::is_executor<Executor>::value) {
    asio::prefer(asio::require(executor, execution::blocking.never), execution::relationship.continuation,
                 execution::allocator(allocator))
        .execute(std::forward<Function>(function));
  } else {
    executor.defer(std::forward<Function>(function), allocator);
  }
}

/// The executor's execution context, or null if unknown.
template <class Executor>
asio::execution_context* context_of(Executor const& executor) {
  namespace execution = asio::execution;
  if constexpr (asio::can_query<Executor const&, execution::context_t>::value) {
    if constexpr (std::is_convertible_v<decltype(asio::query(executor, execution::context)),
                                        asio::execution_context&>) {
      asio::execution_context& context = asio::query(executor, execution::context);
      return &context;
    } else {
      return nullptr;
    }
  } else if constexpr (requires { executor.context(); }) {
    return &static_cast<asio::execution_context&>(executor.context());
  } else {
    return nullptr;
  }
}

/// How many times in a row the coroutines of a thread may continue without suspending because the lock is free. Such a
/// coroutine would otherwise monopolize its thread, and the thread's other coroutines would never get to ask for the
/// lock. After that many, the next one takes the general path: it gets its place in the queue, and its grant is posted
/// behind the work that is ready on its executor.
inline constexpr unsigned grants_without_suspension_max = 128;

HOLDFAST_SYNC_ONCE_IN_A_PROCESS inline constinit thread_local unsigned grants_without_suspension = 0;

/// True: continue without suspending. False: receive the grant through the executor.
inline bool may_go_on() noexcept {
  if (++grants_without_suspension <= grants_without_suspension_max) return true;
  grants_without_suspension = 0;
  return false;
}

/// Ends the row: the thread's executor has run something else, such as the resumption of a suspended coroutine.
inline void has_been_suspended() noexcept {
  grants_without_suspension = 0;
}

/// A grant after may_go_on() whose coroutine is resumed inside the initiation. The call returns when the coroutine has
/// been suspended, which ends its part of the row.
class nested_grant {
 public:
  nested_grant() = default;
  nested_grant(nested_grant const&) = delete;
  nested_grant& operator=(nested_grant const&) = delete;
  ~nested_grant() { grants_without_suspension = before_; }

 private:
  unsigned const before_ = grants_without_suspension - 1;
};

/// Whether half of them are used up. Coroutines that await something else between their sections have not kept the
/// thread for themselves. If their grants are not nested, only the executor can show that: see watch_for_suspension().
inline bool is_long_row() noexcept {
  return grants_without_suspension == grants_without_suspension_max / 2;
}

/// Posts a function that ends the row. If it runs before the second half is used up, no grant needs to be posted.
/// A posted grant keeps the lock owned while the executor's other coroutines run; they queue, and on one thread that
/// queue does not empty again: each section then costs a hand-off.
template <class Executor>
void watch_for_suspension(Executor const& executor) noexcept {
  try {
    asio::post(executor, [] { has_been_suspended(); });
  } catch (...) {  // then the row ends at its limit
  }
}

// The deadline of a waiting operation. Timer and grant may occur at once on different threads, and the timer's
// completion comes later than the operation's, so both refer to a separate block that contains the timer.

struct no_deadline {};

struct until {
  std::chrono::steady_clock::time_point time;
};

/// now + duration; a time beyond the clock's range means forever.
inline until after(std::chrono::steady_clock::duration duration) noexcept {
  auto const now = std::chrono::steady_clock::now();
  auto const longest = std::chrono::steady_clock::time_point::max() - now;
  return {duration < longest ? now + duration : std::chrono::steady_clock::time_point::max()};
}

template <class Deadline, class Operation, class Executor>
class timeout;

/// No deadline: waits forever.
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

  /// Arms the timer, then enqueues; the timer's handler blocks until that is done. Returns the result of enqueue().
  template <class Enqueue>
  bool arm_around(until deadline, Executor const& executor, Operation& operation, Enqueue&& enqueue) {
    block_ = block::create(executor);
    std::scoped_lock guard(block_->mutex);
    block* const armed = block_;  // once enqueued, the operation may be gone as soon as the guard is released
    armed->operation = &operation;
    armed->timer.expires_at(deadline.time);
    armed->timer.async_wait(expiry(armed, executor));
    bool const acquired = enqueue();
    if (acquired) armed->operation = nullptr;
    return acquired;
  }

  /// Detaches the timer from the operation. Called on any thread by the one that took the operation out of the queue.
  void forget() noexcept {
    if (!block_) return;
    std::scoped_lock guard(block_->mutex);
    block_->operation = nullptr;
  }

  /// Called on the waiter's executor after forget() or after expiry.
  void stop() noexcept {
    if (!block_) return;
    try {
      block_->timer.cancel();
    } catch (...) {  // it expires without effect
    }
    std::exchange(block_, nullptr)->drop_reference();
  }

 private:
  struct block {
    explicit block(Executor const& executor) : timer(executor) {}

    static block* create(Executor const& executor) {
      asio::recycling_allocator<block> allocator;
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
      asio::recycling_allocator<block>().deallocate(this, 1);
    }

    std::mutex mutex;
    Operation* operation = nullptr;  // protected by `mutex`
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

    void operator()(error_code) {
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

/// An allocator whose memory fits only the operation: memory for an executor's queue entry must come from elsewhere.
template <class Allocator>
concept serves_the_operation_alone = requires { requires Allocator::serves_the_operation_alone; };

/// Counts a handler's wait as outstanding work of its executor.
template <class Handler>
struct handler_work {
  explicit handler_work(Handler const& handler) : guard(asio::get_associated_executor(handler)) {}
  asio::executor_work_guard<asio::associated_executor_t<Handler>> guard;
};
/// The common part of all operations on a lock: a handler with its executor, allocator and cancellation slot, from the
/// initiation until the handler is called or destroyed.
///
/// The object never moves. It is destroyed and its memory freed before the handler is called. It is used by the
/// waiter's executor (initiation, cancellation, timer, completion) and by the thread that takes it out of the queue;
/// the queue's internal lock decides between them, and only the winner continues.
///
/// `Derived` has
///   complete()           on the handler's executor: calls destroy() and then the handler
///   drop()               instead of complete() if the executor never runs it; must not throw
///   cancel()             called when the slot's signal was emitted
template <class Derived, class Policy, class Handler>
class operation : public waiter_of<Policy> {
 public:
  using executor_type = asio::associated_executor_t<Handler>;
  using handler_allocator = asio::associated_allocator_t<Handler, asio::recycling_allocator<void>>;

  // Called under the internal lock, so the handler's executor is only used if that is known to be harmless.
  bool context_runs_here() const noexcept final {
    if constexpr (is_context_executor<executor_type>) {
      return executor().running_in_this_thread();
    } else {
      return false;
    }
  }

  /// Owns an operation that nothing else refers to. Calling it completes the operation; destroying it uncalled drops
  /// it.
  struct holder {
    explicit holder(Derived* o) noexcept : operation(o) {}
    holder(holder&& other) noexcept : operation(std::exchange(other.operation, nullptr)) {}
    holder& operator=(holder&&) = delete;
    ~holder() {
      if (operation) operation->drop();
    }
    void operator()() { std::exchange(operation, nullptr)->complete(); }
    Derived* release() noexcept { return std::exchange(operation, nullptr); }
    Derived* operator->() const noexcept { return operation; }
    Derived* operation;
  };

  template <class... Args>
  static holder create(Handler&& handler, Args&&... args) {
    auto allocator = allocator_of(handler);
    Derived* const memory = std::to_address(std::allocator_traits<decltype(allocator)>::allocate(allocator, 1));
    try {
      return holder(::new (static_cast<void*>(memory)) Derived(std::move(handler), std::forward<Args>(args)...));
    } catch (...) {
      std::allocator_traits<decltype(allocator)>::deallocate(allocator, memory, 1);
      throw;
    }
  }

 protected:
  operation(Handler&& handler, bool runs_a_function)
      : waiter_of<Policy>(runs_a_function), handler_(std::move(handler)), work_(handler_) {}
  ~operation() = default;

  executor_type executor() const noexcept { return asio::get_associated_executor(handler_); }

  /// Call before queueing. `Lock` has link(context). False: the context is being destroyed; drop the operation, as the
  /// context itself drops what it is given now.
  template <class Lock>
  [[nodiscard]] bool prepare(Lock& lock) {
    if (auto* const context = context_of(executor())) {
      this->link = lock.link(*context);
      if (!this->link) return false;
    }
    auto slot = asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) canceller_ = &slot.template emplace<canceller>(&derived());
    return true;
  }

  /// Posts complete() to the executor. The operation may be gone before post() returns.
  void post() { post(holder(&derived())); }

  /// Posts `function` to the executor, in the memory reserved for post().
  template <class Function>
  void post(Function&& function) {
    auto const target = executor();
    if constexpr (serves_the_operation_alone<handler_allocator>) {
      post_to(target, memory_, asio::recycling_allocator<void>(), std::forward<Function>(function));
    } else {
      auto const allocator = asio::get_associated_allocator(handler_, asio::recycling_allocator<void>());
      post_to(target, memory_, allocator, std::forward<Function>(function));
    }
  }

  // An executor that can't take the completion (out of memory, for example) drops the operation, which passes the lock
  // on.
  void post_noexcept() noexcept {
    try {
      post();
    } catch (...) {
    }
  }

  /// Destroys the operation and returns its handler.
  Handler destroy() noexcept {
    if (canceller_) canceller_->detach();
    Handler handler(std::move(handler_));
    auto allocator = allocator_of(handler);
    Derived* const self = &derived();
    self->~Derived();
    std::allocator_traits<decltype(allocator)>::deallocate(allocator, self, 1);
    return handler;
  }

 private:
  /// Installed in the cancellation slot. Operation and canceller may be destroyed in either order, on the waiter's
  /// executor only.
  class canceller {
   public:
    explicit canceller(Derived* operation) : operation_(operation) {}
    canceller(canceller const&) = delete;
    canceller& operator=(canceller const&) = delete;
    ~canceller() {
      if (operation_) operation_->canceller_ = nullptr;
    }
    void operator()(asio::cancellation_type type) {
      using asio::cancellation_type;
      bool const wanted =
          (type & (cancellation_type::total | cancellation_type::partial | cancellation_type::terminal)) !=
          cancellation_type::none;
      if (wanted && operation_) operation_->cancel();
    }
    void detach() { operation_ = nullptr; }

   private:
    Derived* operation_;
  };

  static auto allocator_of(Handler const& handler) noexcept {
    using allocator_type = typename std::allocator_traits<handler_allocator>::template rebind_alloc<Derived>;
    return allocator_type(asio::get_associated_allocator(handler, asio::recycling_allocator<void>()));
  }
  Derived& derived() noexcept { return static_cast<Derived&>(*this); }

  Handler handler_;
  [[no_unique_address]] handler_work<Handler> work_;
  canceller* canceller_ = nullptr;
  [[no_unique_address]] posting_memory_for<executor_type> memory_;
};

}  // namespace holdfast::sync::detail
