#pragma once
#include <atomic>
#include <boost/asio/execution_context.hpp>
#include <cstdint>
#include <holdfast/sync/detail/atomics.hpp>
#include <holdfast/sync/detail/waiter.hpp>
#include <mutex>

/// How a lock learns that an execution context is being destroyed while its waiters are queued.
///
/// A lock is no I/O object: it has no executor of its own, and any context's coroutines may wait in it. So each lock
/// keeps one link for each context whose waiters it has ever queued, and a service in the context keeps the links'
/// other ends. When the context is destroyed it takes its waiters out of all queues and destroys them; when a lock is
/// destroyed it takes its links away. Both are rare, and creating a link is, so one mutex for the whole process guards
/// all of them; finding an existing link, once for every wait, takes no lock.
namespace holdfast::sync::detail {

class context_service;

/// A chain of waiters that have left their queue, in order.
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
  /// Puts the link's waiters into `taken`, and those who own the lock now that the others are gone into `granted`.
  using take_out_function = void (*)(void* lock, context_link const& link, waiter_chain& taken, waiter_chain& granted);

  std::atomic<boost::asio::execution_context*> context{nullptr};  // null: its context is gone; may be used again
  context_service* service = nullptr;                             // constant while `context` is set
  context_link* next_of_lock = nullptr;                           // constant once published
  context_link* next_of_service = nullptr;                        // the rest belongs to links_mutex
  context_link* previous_of_service = nullptr;
  void* lock = nullptr;
  take_out_function take_out = nullptr;
};

inline constinit std::mutex links_mutex;

/// Tells a waiter that has left its queue that it owns the lock.
inline void deliver_grant(waiter& w) noexcept;

/// One in every execution context in which somebody waited for a lock.
class context_service : public boost::asio::execution_context::service {
 public:
  using key_type = context_service;
  inline static boost::asio::execution_context::id id;

  explicit context_service(boost::asio::execution_context& context) : service(context) {}
  // A service that comes into being while its context is being destroyed is not told to shut down.
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
    // A waiter that another thread took out a moment before is still being told; that needs this context. The queues'
    // internal locks order delivery_begins() before take_out(), so the count of beginnings is complete by now.
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

/// Keeps a waiter's context from being destroyed between the waiter's removal from the queue and the end of its
/// delivery. Costs nothing if this thread is running that context, since then it can't be destroyed.
class delivery {
 public:
  /// Under the internal lock of the waiter's queue.
  static void begin(waiter& w) noexcept {
    if (w.link && !w.context_runs_here()) {
      w.delivering = w.link->service;
      w.delivering->delivery_begins();
    }
  }

  /// The delivery happens while this lives; it may end the waiter.
  explicit delivery(waiter const& w) noexcept : service_(w.delivering) {}
  delivery(delivery const&) = delete;
  delivery& operator=(delivery const&) = delete;
  ~delivery() {
    if (service_) service_->delivery_ended();
  }

 private:
  context_service* const service_;
};

/// Who can't be told that it owns the lock, because its executor is full or going, passes it on, perhaps to somebody
/// who can't be told either. However many there are, that happens one after the other and not one inside the other.
struct grants_in_progress {
  waiter* being_told = nullptr;
  waiter_chain refused;
};
inline constinit thread_local grants_in_progress* grants_of_this_thread = nullptr;

/// By a waiter that owns, instead of passing the lock on. True: it is discarded later.
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
  if (service && !refused) service->delivery_ended();  // otherwise when it is discarded
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

/// A lock's links. Thread-safe; destroying it ends all of them.
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

  /// Null: the context is being destroyed. May throw std::bad_alloc when it sees a context for the first time.
  context_link* find_or_create(boost::asio::execution_context& context, void* lock,
                               context_link::take_out_function take_out) {
    for (context_link* l = first_.load(std::memory_order_acquire); l; l = l->next_of_lock) {
      if (l->context.load(std::memory_order_acquire) == &context) return l;
    }
    return create(context, lock, take_out);
  }

 private:
  [[gnu::noinline]] context_link* create(boost::asio::execution_context& context, void* lock,
                                         context_link::take_out_function take_out) {
    auto& service = boost::asio::use_service<context_service>(context);
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

}  // namespace holdfast::sync::detail
