#include "tests/sync/model/lock_core_model.hpp"

#include "tests/sync/model/machine.hpp"

namespace holdfast::sync::model {
namespace {

/// Common to all models: the core on the heap, so that late accesses are detected, and data that only owners access.
template <class Mutation>
struct lock_model {
  using machine_type = machine<Mutation>;
  using core_type = detail::lock_core<machine_type>;
  using waiter_type = model_waiter<machine_type>;

  void lock(waiter_type& w) {
    if (!core->acquire_or_enqueue(w)) w.wait();
  }
  void use() { counter($) = counter($) + 1; }
  void unlock() {
    if (core->try_release()) return;
    if (auto* const next = core->release([](auto&) {})) static_cast<waiter_type*>(next)->grant();
  }

  core_type* core = nullptr;
  rl::var<int> counter;
};

/// Every thread locks and unlocks: no waiter is forgotten, no owners overlap, and each waiter is granted exactly once.
template <class Mutation, rl::thread_id_t threads, rl::test_result_e expected = rl::test_result_success>
struct everybody_locks : rl::test_suite<everybody_locks<Mutation, threads, expected>, threads, expected>,
                         lock_model<Mutation> {
  void before() {
    this->core = new typename lock_model<Mutation>::core_type;
    this->counter($) = 0;
  }
  void thread(unsigned) {
    typename lock_model<Mutation>::waiter_type w;
    this->lock(w);
    this->use();
    this->unlock();
  }
  void after() {
    RL_ASSERT(this->counter($) == static_cast<int>(threads));
    RL_ASSERT(this->core->try_acquire());
    delete this->core;
  }
};

/// One thread asks and withdraws, or has been granted and continues as the owner; the others only lock.
template <class Mutation, rl::thread_id_t threads, rl::test_result_e expected = rl::test_result_success>
struct one_gives_up : rl::test_suite<one_gives_up<Mutation, threads, expected>, threads, expected>,
                      lock_model<Mutation> {
  void before() {
    this->core = new typename lock_model<Mutation>::core_type;
    this->counter($) = 0;
    gave_up($) = 0;
  }
  void thread(unsigned index) {
    typename lock_model<Mutation>::waiter_type w;
    if (index == 0) {
      if (!this->core->acquire_or_enqueue(w)) {
        if (this->core->withdraw(w)) {
          gave_up($) = 1;
          return;
        }
        w.wait();
      }
    } else {
      this->lock(w);
    }
    this->use();
    this->unlock();
  }
  void after() {
    RL_ASSERT(this->counter($) + gave_up($) == static_cast<int>(threads));
    RL_ASSERT(this->core->try_acquire());
    delete this->core;
  }
  rl::var<int> gave_up;
};

/// One thread spins and then gives up or queues; the others only lock.
template <class Mutation, rl::thread_id_t threads, bool queues, rl::test_result_e expected = rl::test_result_success>
struct one_spins : rl::test_suite<one_spins<Mutation, threads, queues, expected>, threads, expected>,
                   lock_model<Mutation> {
  void before() {
    this->core = new typename lock_model<Mutation>::core_type;
    this->counter($) = 0;
    did_without($) = 0;
  }
  void thread(unsigned index) {
    typename lock_model<Mutation>::waiter_type w;
    if (index != 0) {
      this->lock(w);
    } else if (!this->core->try_acquire_spinning()) {
      if (!queues) {
        did_without($) = 1;
        return;
      }
      this->lock(w);
    }
    this->use();
    this->unlock();
  }
  void after() {
    RL_ASSERT(this->counter($) + did_without($) == static_cast<int>(threads));
    RL_ASSERT(this->core->try_acquire());
    delete this->core;
  }
  rl::var<int> did_without;
};

/// Every thread spins, and gives up if it does not get the lock.
template <class Mutation, rl::test_result_e expected = rl::test_result_success>
struct everybody_spins : rl::test_suite<everybody_spins<Mutation, expected>, 3, expected>, lock_model<Mutation> {
  void before() {
    this->core = new typename lock_model<Mutation>::core_type;
    this->counter($) = 0;
  }
  void thread(unsigned) {
    if (!this->core->try_acquire_spinning()) return;
    this->use();
    this->unlock();
  }
  void after() {
    RL_ASSERT(this->counter($) >= 1);
    RL_ASSERT(this->core->try_acquire());
    delete this->core;
  }
};

/// One thread owns, a second waits, and a third spins: it comes third, or not at all.
template <class Mutation, rl::test_result_e expected = rl::test_result_success>
struct spinner_behind_a_waiter : rl::test_suite<spinner_behind_a_waiter<Mutation, expected>, 3, expected>,
                                 lock_model<Mutation> {
  void before() {
    this->core = new typename lock_model<Mutation>::core_type;
    this->counter($) = 0;
    RL_ASSERT(this->core->try_acquire());
    RL_ASSERT(!this->core->acquire_or_enqueue(waiter));
  }
  void thread(unsigned index) {
    if (index == 1) {
      waiter.wait();
    } else if (index == 2) {
      if (!this->core->try_acquire_spinning()) return;
      RL_ASSERT(this->counter($) == 2);
    }
    this->use();
    this->unlock();
  }
  void after() {
    RL_ASSERT(this->core->try_acquire());
    delete this->core;
  }
  typename lock_model<Mutation>::waiter_type waiter;
};

/// The waiter destroys the lock right after releasing it: the previous owner must not access it after the hand-over.
template <class Mutation, rl::test_result_e expected = rl::test_result_success>
struct next_owner_destroys : rl::test_suite<next_owner_destroys<Mutation, expected>, 2, expected>,
                             lock_model<Mutation> {
  void before() {
    this->core = new typename lock_model<Mutation>::core_type;
    this->counter($) = 0;
    RL_ASSERT(this->core->try_acquire());
    RL_ASSERT(!this->core->acquire_or_enqueue(second));
  }
  void thread(unsigned index) {
    if (index == 0) {
      this->use();
      this->unlock();
    } else {
      second.wait();
      this->use();
      this->unlock();
      delete this->core;
    }
  }
  typename lock_model<Mutation>::waiter_type second;
};

/// All waiters are removed at once (an execution context is destroyed) while the owner releases.
template <class Mutation, rl::test_result_e expected = rl::test_result_success>
struct all_are_taken_out : rl::test_suite<all_are_taken_out<Mutation, expected>, 2, expected>, lock_model<Mutation> {
  void before() {
    this->core = new typename lock_model<Mutation>::core_type;
    this->counter($) = 0;
    RL_ASSERT(this->core->try_acquire());
    RL_ASSERT(!this->core->acquire_or_enqueue(first));
    RL_ASSERT(!this->core->acquire_or_enqueue(second));
  }
  void thread(unsigned index) {
    if (index == 0) {
      this->unlock();
    } else {
      int taken = 0;
      this->core->withdraw_if([](auto&) { return true; }, [&](auto&) { ++taken; });
      RL_ASSERT(taken == 2 || taken == 1);
      if (taken == 1) {
        first.wait();
        this->unlock();
      }
    }
  }
  void after() {
    RL_ASSERT(this->core->try_acquire());
    delete this->core;
  }
  typename lock_model<Mutation>::waiter_type first;
  typename lock_model<Mutation>::waiter_type second;
};

/// An execution context ends while its waiter is granted and releases the lock again. The granting thread reads the
/// waiter's link to the context; after the removal of the waiters no thread may read it. A former bug did so on the
/// path that finds the lock free, where earlier writes were visible only by chance.
template <class Mutation, bool is_shared, rl::test_result_e expected = rl::test_result_success>
struct context_ends : rl::test_suite<context_ends<Mutation, is_shared, expected>, 2, expected> {
  using machine_type = machine<Mutation>;
  using core_type = std::conditional_t<is_shared, detail::shared_core<machine_type>, detail::lock_core<machine_type>>;

  void before() {
    core = new core_type;
    link($) = 1;
    RL_ASSERT(core->try_acquire());
    RL_ASSERT(!core->acquire_or_enqueue(waiter));
  }
  /// @return true if a waiter was granted.
  bool release() {
    bool is_passed_on = false;
    auto const look = [&](auto&) {
      RL_ASSERT(link($) == 1);
      is_passed_on = true;
    };
    if constexpr (is_shared) {
      core->release(false, look);
    } else if (!core->try_release()) {
      core->release(look);
    }
    return is_passed_on;
  }
  void thread(unsigned index) {
    if (index == 0) {
      if (release()) RL_ASSERT(!release());
      return;
    }
    auto const all = [](auto&) { return true; };
    auto const nothing = [](auto&) {};
    if constexpr (is_shared) {
      core->withdraw_if(all, nothing, nothing);
    } else {
      core->withdraw_if(all, nothing);
    }
    link($) = 0;
  }
  void after() {
    RL_ASSERT(core->try_acquire());
    delete core;
  }
  core_type* core = nullptr;
  model_waiter<machine_type> waiter;
  rl::var<int> link;
};

/// Readers and a writer under shared_core: no forbidden overlap, and a writer that withdraws lets readers in.
template <class Mutation, bool writer_gives_up, rl::test_result_e expected = rl::test_result_success>
struct readers_and_writer : rl::test_suite<readers_and_writer<Mutation, writer_gives_up, expected>, 3, expected> {
  using machine_type = machine<Mutation>;
  using core_type = detail::shared_core<machine_type>;
  using waiter_type = model_waiter<machine_type>;

  void before() {
    core = new core_type;
    value($) = 0;
  }
  /// Granted waiters are notified after the internal lock is released.
  struct granted {
    waiter_type* waiters[3];
    int count = 0;
    auto collect() {
      return [this](auto& node) { waiters[count++] = static_cast<waiter_type*>(&node); };
    }
    void tell() {
      for (int i = 0; i < count; ++i) waiters[i]->grant();
    }
  };
  void thread(unsigned index) {
    waiter_type w;
    w.shared = index != 0;
    if (!core->acquire_or_enqueue(w)) {
      if (index == 0 && writer_gives_up) {
        granted others;
        bool const gave_up = core->withdraw(w, others.collect());
        others.tell();
        if (gave_up) return;
      }
      w.wait();
    }
    if (w.shared) {
      int const seen = value($);
      RL_ASSERT(seen == 0 || seen == 1);
    } else {
      value($) = value($) + 1;
    }
    granted next;
    RL_ASSERT(!core->release(w.shared, next.collect()));
    next.tell();
  }
  void after() {
    RL_ASSERT(core->is_free());
    delete core;
  }
  core_type* core = nullptr;
  rl::var<int> value;
};

/// Two readers release while the lock is destroyed: exactly one of the three learns that it is the last.
template <class Mutation>
struct last_owner_cleans_up : rl::test_suite<last_owner_cleans_up<Mutation>, 3> {
  using core_type = detail::shared_core<machine<Mutation>>;
  void before() {
    core = new core_type;
    RL_ASSERT(core->try_acquire_shared());
    RL_ASSERT(core->try_acquire_shared());
    last.store(0, rl::mo_relaxed, $);
  }
  void thread(unsigned index) {
    bool const is_last = index == 0 ? core->orphan() : core->release(true, [](auto&) {});
    if (is_last) {
      last.store(last.load(rl::mo_relaxed, $) + 1, rl::mo_relaxed, $);
      delete core;
    }
  }
  void after() { RL_ASSERT(last.load(rl::mo_relaxed, $) == 1); }
  core_type* core = nullptr;
  rl::atomic<int> last;
};

/// One thread only tries the lock. Whether it succeeds or not, the others still get the lock.
template <class Mutation>
struct one_tries : rl::test_suite<one_tries<Mutation>, 3>, lock_model<Mutation> {
  void before() {
    this->core = new typename lock_model<Mutation>::core_type;
    this->counter($) = 0;
    did_without($) = 0;
  }
  void thread(unsigned index) {
    typename lock_model<Mutation>::waiter_type w;
    if (index != 0) {
      this->lock(w);
    } else if (!this->core->try_acquire()) {
      did_without($) = 1;
      return;
    }
    this->use();
    this->unlock();
  }
  void after() {
    RL_ASSERT(this->counter($) + did_without($) == 3);
    RL_ASSERT(this->core->try_acquire());
    delete this->core;
  }
  rl::var<int> did_without;
};

/// Three queue in sequence while the lock is owned, and a fourth tries meanwhile: the three own in their order.
template <class Mutation>
struct first_in_first_out : rl::test_suite<first_in_first_out<Mutation>, 3>, lock_model<Mutation> {
  void before() {
    this->core = new typename lock_model<Mutation>::core_type;
    this->counter($) = 0;
    RL_ASSERT(this->core->try_acquire());
    for (auto& w : waiters) RL_ASSERT(!this->core->acquire_or_enqueue(w));
  }
  void thread(unsigned index) {
    if (index == 0) {
      this->unlock();
      RL_ASSERT(!this->core->try_acquire() || this->counter($) == 2);
    } else {
      waiters[index - 1].wait();
      RL_ASSERT(this->counter($) == static_cast<int>(index) - 1);
      this->use();
      if (index == 1) this->unlock();
    }
  }
  void after() {
    RL_ASSERT(this->counter($) == 2);
    delete this->core;
  }
  typename lock_model<Mutation>::waiter_type waiters[2];
};

/// Two waiters withdraw at once, each on its own thread, while the owner releases: a waiter that is not withdrawn is
/// granted.
template <class Mutation, rl::test_result_e expected = rl::test_result_success>
struct two_give_up : rl::test_suite<two_give_up<Mutation, expected>, 3, expected>, lock_model<Mutation> {
  void before() {
    this->core = new typename lock_model<Mutation>::core_type;
    RL_ASSERT(this->core->try_acquire());
    for (auto& w : waiters) RL_ASSERT(!this->core->acquire_or_enqueue(w));
  }
  void thread(unsigned index) {
    if (index == 0) {
      this->unlock();
    } else if (auto& mine = waiters[index - 1]; !this->core->withdraw(mine)) {
      mine.wait();
      this->unlock();
    }
  }
  void after() {
    RL_ASSERT(this->core->try_acquire());
    delete this->core;
  }
  typename lock_model<Mutation>::waiter_type waiters[2];
};

/// One thread grants a waiter while another one, whose context ends, removes it. The end of the context waits for
/// grants that are being delivered: delivery::begin() counts them under the internal lock, and context_service waits
/// for the count. So a waiter that the removal did not find is notified before the context ends.
template <class Mutation, rl::test_result_e expected = rl::test_result_success>
struct delivery_beside_the_end : rl::test_suite<delivery_beside_the_end<Mutation, expected>, 2, expected>,
                                 lock_model<Mutation> {
  void before() {
    this->core = new typename lock_model<Mutation>::core_type;
    context($) = 1;
    begun.store(0, rl::mo_relaxed, $);
    ended.store(0, rl::mo_relaxed, $);
    RL_ASSERT(this->core->try_acquire());
    RL_ASSERT(!this->core->acquire_or_enqueue(waiter));
  }
  void thread(unsigned index) {
    if (index == 0) {
      bool const is_passed_on = this->core->release([&](auto&) { begun.fetch_add(1, rl::mo_relaxed, $); }) != nullptr;
      if (is_passed_on) {
        RL_ASSERT(context($) == 1);  // needs the context
        ended.fetch_add(1, rl::mo_release, $);
      }
    } else {
      this->core->withdraw_if([](auto&) { return true; }, [](auto&) {});
      while (ended.load(rl::mo_acquire, $) != begun.load(rl::mo_relaxed, $)) rl::yield(1, $);
      context($) = 0;
    }
  }
  void after() { delete this->core; }
  rl::var<int> context;
  rl::atomic<int> begun;
  rl::atomic<int> ended;
  typename lock_model<Mutation>::waiter_type waiter;
};

/// A shared lock is abandoned while a deadline passes on a second thread and the last owner releases on a third. The
/// last one frees the state, and nobody accesses it afterwards. `early` is the former bug: orphaned before all waiters
/// were notified.
template <class Mutation, bool early, rl::test_result_e expected = rl::test_result_success>
struct abandon_beside_expiry : rl::test_suite<abandon_beside_expiry<Mutation, early, expected>, 3, expected> {
  using machine_type = machine<Mutation>;
  using core_type = detail::shared_core<machine_type>;

  void before() {
    core = new core_type;
    frees.store(0, rl::mo_relaxed, $);
    told.store(0, rl::mo_relaxed, $);
    RL_ASSERT(core->try_acquire());
    RL_ASSERT(!core->acquire_or_enqueue(waiter));
  }
  void free_state() {
    RL_ASSERT(frees.fetch_add(1, rl::mo_relaxed, $) == 0);
    delete core;
  }
  void tell() {
    guard.lock($);
    told.store(1, rl::mo_relaxed, $);
    guard.unlock($);
  }
  /// Called by an owner. A waiter that is granted here releases at once.
  void release() {
    bool is_passed_on = false;
    bool is_last = core->release(false, [&](auto&) { is_passed_on = true; });
    if (is_passed_on) is_last = core->release(false, [](auto&) {});
    if (is_last) free_state();
  }
  void thread(unsigned index) {
    auto const nobody = [](auto&) {};
    if (index == 0) {
      core->withdraw_if([](auto&) { return true; }, nobody, nobody);
      if (!early) tell();
      bool const is_mine = core->orphan();
      if (early) tell();
      if (is_mine) free_state();
    } else if (index == 1) {  // the timer: withdraws its waiter unless notified; `guard` is the timer's mutex
      guard.lock($);
      if (told.load(rl::mo_relaxed, $) == 0) {
        RL_ASSERT(frees.fetch_add(0, rl::mo_relaxed, $) == 0);  // the state must still exist
        core->withdraw(waiter, nobody);
      }
      guard.unlock($);
    } else {
      release();
    }
  }
  void after() { RL_ASSERT(frees.load(rl::mo_relaxed, $) == 1); }
  core_type* core = nullptr;
  model_waiter<machine_type> waiter;
  rl::mutex guard;
  rl::atomic<int> told;
  rl::atomic<int> frees;
};

/// A writer becomes a reader while a reader and a writer arrive: its write is visible and not yet overwritten.
template <class Mutation, rl::test_result_e expected = rl::test_result_success>
struct writer_downgrades : rl::test_suite<writer_downgrades<Mutation, expected>, 3, expected> {
  using machine_type = machine<Mutation>;
  using core_type = detail::shared_core<machine_type>;
  using waiter_type = model_waiter<machine_type>;

  struct granted {
    waiter_type* waiters[3];
    int count = 0;
    auto collect() {
      return [this](auto& node) { waiters[count++] = static_cast<waiter_type*>(&node); };
    }
    void tell() {
      for (int i = 0; i < count; ++i) waiters[i]->grant();
    }
  };
  void before() {
    core = new core_type;
    value($) = 0;
    RL_ASSERT(core->try_acquire());
  }
  void release(bool shared) {
    granted next;
    RL_ASSERT(!core->release(shared, next.collect()));
    next.tell();
  }
  void thread(unsigned index) {
    if (index == 0) {
      value($) = 1;
      granted next;
      core->downgrade(next.collect());
      next.tell();
      RL_ASSERT(value($) == 1);
      release(true);
      return;
    }
    waiter_type w;
    w.shared = index == 1;
    if (!core->acquire_or_enqueue(w)) w.wait();
    if (w.shared) {
      int const seen = value($);
      RL_ASSERT(seen == 1 || seen == 2);
    } else {
      value($) = value($) + 1;
    }
    release(w.shared);
  }
  void after() {
    RL_ASSERT(core->is_free());
    delete core;
  }
  core_type* core = nullptr;
  rl::var<int> value;
};

/// Two permits and three threads, of which the last one withdraws or gets a permit. No permit is lost or duplicated,
/// and the next holder of a permit sees the writes of the previous one.
template <class Mutation, bool one_gives_up, rl::test_result_e expected = rl::test_result_success>
struct permits_are_shared : rl::test_suite<permits_are_shared<Mutation, one_gives_up, expected>, 3, expected> {
  using machine_type = machine<Mutation>;
  using core_type = detail::permit_core<machine_type>;
  using waiter_type = model_waiter<machine_type>;

  void before() {
    core = new core_type(1);
    value($) = 0;
    gave_up($) = 0;
  }
  void thread(unsigned index) {
    waiter_type w;
    if (!core->acquire_or_enqueue(w)) {
      if (one_gives_up && index == 0 && core->withdraw(w)) {
        gave_up($) = 1;
        return;
      }
      w.wait();
    }
    value($) = value($) + 1;
    waiter_type* next = nullptr;
    RL_ASSERT(core->release(1, true, [&](auto& node) { next = static_cast<waiter_type*>(&node); }));
    if (next) next->grant();
  }
  void after() {
    RL_ASSERT(value($) + gave_up($) == 3);
    RL_ASSERT(core->try_acquire() && !core->try_acquire());
    delete core;
  }
  core_type* core = nullptr;
  rl::var<int> value;
  rl::var<int> gave_up;
};

/// An event: threads that wait before it is set, or arrive after, see all earlier writes; no waiter is forgotten. One
/// more thread only reads the state.
template <class Mutation, rl::test_result_e expected = rl::test_result_success>
struct event_is_set : rl::test_suite<event_is_set<Mutation, expected>, 3, expected> {
  using machine_type = machine<Mutation>;
  using core_type = detail::permit_core<machine_type>;
  using waiter_type = model_waiter<machine_type>;

  void before() {
    core = new core_type;
    value($) = 0;
  }
  void thread(unsigned index) {
    if (index == 0) {
      value($) = 1;
      waiter_type* waiters[2];
      int count = 0;
      core->open(true, [&](auto& node) { waiters[count++] = static_cast<waiter_type*>(&node); });
      for (int i = 0; i < count; ++i) waiters[i]->grant();
    } else {
      waiter_type w;
      if (index == 1 || !core->try_acquire(false)) {
        if (!core->acquire_or_enqueue(w, false)) w.wait();
      }
      RL_ASSERT(value($) == 1);
    }
  }
  void after() { delete core; }
  core_type* core = nullptr;
  rl::var<int> value;
};

/// A condition variable between two threads under a lock: the waiter queues before it unlocks, so it misses no
/// notification. `careless` unlocks first.
template <class Mutation, bool careless, rl::test_result_e expected = rl::test_result_success>
struct nobody_misses_a_notification
    : rl::test_suite<nobody_misses_a_notification<Mutation, careless, expected>, 2, expected>,
      lock_model<Mutation> {
  using machine_type = machine<Mutation>;
  using waiter_type = model_waiter<machine_type>;

  void before() {
    this->core = new typename lock_model<Mutation>::core_type;
    changed = new detail::permit_core<machine_type>;
    this->counter($) = 0;
  }
  void thread(unsigned index) {
    waiter_type mine;
    this->lock(mine);
    if (index == 0) {
      this->use();
      this->unlock();
      waiter_type* notified = nullptr;
      changed->release(1, false, [&](auto& node) { notified = static_cast<waiter_type*>(&node); });
      if (notified) notified->grant();
    } else {
      if (this->counter($) == 0) {
        waiter_type sleep;
        if (careless) this->unlock();
        RL_ASSERT(!changed->acquire_or_enqueue(sleep));
        if (!careless) this->unlock();
        sleep.wait();
        waiter_type again;
        this->lock(again);
      }
      RL_ASSERT(this->counter($) == 1);
      this->unlock();
    }
  }
  void after() {
    delete this->core;
    delete changed;
  }
  detail::permit_core<machine_type>* changed = nullptr;
};

/// Keeps the first part of a report. The checker replaces operator new, so nothing may be allocated while it reports.
class report_buffer : public std::streambuf {
 public:
  report_buffer() { setp(text_, text_ + sizeof(text_)); }
  std::string text() const { return {pbase(), pptr()}; }

 private:
  int overflow(int c) override { return c; }
  char text_[4096];
};

template <class Test>
outcome explore(search how) {
  report_buffer buffer;
  std::ostream output(&buffer);
  rl::test_params params;
  params.output_stream = &output;
  params.progress_stream = &output;
  params.execution_depth_limit = 5000;
  switch (how.kind) {
    case search::all:
      params.search_type = rl::sched_full;
      break;
    case search::bounded:
      params.search_type = rl::sched_bound;
      params.context_bound = how.preemptions;
      break;
    case search::random:
      params.search_type = rl::sched_random;
      params.iteration_count = how.executions;
      break;
  }
  bool const as_expected = rl::simulate<Test>(params);
  return {as_expected, params.stop_iteration, buffer.text()};
}

struct queue_left_relaxed : unbroken {
  static constexpr bool forgets_to_release_the_queue = true;
};
struct taken_relaxed : unbroken {
  static constexpr bool forgets_to_acquire = true;
};
struct looked_relaxed : unbroken {
  static constexpr bool forgets_to_acquire_by_looking = true;
};
struct released_relaxed : unbroken {
  static constexpr bool forgets_to_release = true;
};
struct passed_on_relaxed : unbroken {
  static constexpr bool forgets_to_pass_on = true;
};
struct blind_unlock : unbroken {
  static constexpr bool unlocks_blindly = true;
};
struct blind_withdrawal : unbroken {
  static constexpr bool withdraws_blindly = true;
};

}  // namespace

outcome two_lock(search how) {
  return explore<everybody_locks<unbroken, 2>>(how);
}
outcome three_lock(search how) {
  return explore<everybody_locks<unbroken, 3>>(how);
}
outcome one_of_two_gives_up(search how) {
  return explore<one_gives_up<unbroken, 2>>(how);
}
outcome one_of_three_gives_up(search how) {
  return explore<one_gives_up<unbroken, 3>>(how);
}
outcome three_spin(search how) {
  return explore<everybody_spins<unbroken>>(how);
}
outcome one_of_two_spins(search how) {
  return explore<one_spins<unbroken, 2, false>>(how);
}
outcome one_of_two_spins_and_queues(search how) {
  return explore<one_spins<unbroken, 2, true>>(how);
}
outcome one_of_three_spins_and_queues(search how) {
  return explore<one_spins<unbroken, 3, true>>(how);
}
outcome one_spins_behind_a_waiter(search how) {
  return explore<spinner_behind_a_waiter<unbroken>>(how);
}
outcome next_owner_destroys_the_lock(search how) {
  return explore<next_owner_destroys<unbroken>>(how);
}
outcome waiters_are_taken_out(search how) {
  return explore<all_are_taken_out<unbroken>>(how);
}
outcome context_ends_beside_a_release(search how) {
  return explore<context_ends<unbroken, false>>(how);
}
outcome context_ends_beside_a_shared_release(search how) {
  return explore<context_ends<unbroken, true>>(how);
}
outcome readers_and_a_writer(search how) {
  return explore<readers_and_writer<unbroken, false>>(how);
}
outcome writer_gives_up(search how) {
  return explore<readers_and_writer<unbroken, true>>(how);
}
outcome last_owner_is_told(search how) {
  return explore<last_owner_cleans_up<unbroken>>(how);
}

outcome one_of_three_tries(search how) {
  return explore<one_tries<unbroken>>(how);
}
outcome waiters_own_in_order(search how) {
  return explore<first_in_first_out<unbroken>>(how);
}
outcome two_waiters_give_up(search how) {
  return explore<two_give_up<unbroken>>(how);
}
outcome delivery_ends_before_its_context(search how) {
  return explore<delivery_beside_the_end<unbroken>>(how);
}
outcome shared_lock_is_abandoned(search how) {
  return explore<abandon_beside_expiry<unbroken, false>>(how);
}
outcome a_writer_downgrades(search how) {
  return explore<writer_downgrades<unbroken>>(how);
}
outcome three_share_a_permit(search how) {
  return explore<permits_are_shared<unbroken, false>>(how);
}
outcome one_gives_up_its_permit(search how) {
  return explore<permits_are_shared<unbroken, true>>(how);
}
outcome waiters_see_an_event(search how) {
  return explore<event_is_set<unbroken>>(how);
}
outcome notification_is_not_missed(search how) {
  return explore<nobody_misses_a_notification<unbroken, false>>(how);
}

outcome shared_lock_is_abandoned_too_early(search how) {
  return explore<abandon_beside_expiry<unbroken, true, rl::test_result_user_assert_failed>>(how);
}
outcome weak_shared_release(search how) {
  return explore<readers_and_writer<passed_on_relaxed, false, rl::test_result_data_race>>(how);
}
outcome weak_downgrade(search how) {
  return explore<writer_downgrades<released_relaxed, rl::test_result_data_race>>(how);
}
outcome weak_release_of_permits(search how) {
  return explore<permits_are_shared<queue_left_relaxed, false, rl::test_result_data_race>>(how);
}
outcome weak_acquire_of_permits(search how) {
  return explore<permits_are_shared<taken_relaxed, false, rl::test_result_data_race>>(how);
}
outcome weak_look_at_an_event(search how) {
  return explore<event_is_set<looked_relaxed, rl::test_result_data_race>>(how);
}
outcome blind_withdrawal_beside_another(search how) {
  return explore<two_give_up<blind_withdrawal, rl::test_result_user_assert_failed>>(how);
}
outcome unlock_before_queueing_for_a_notification(search how) {
  return explore<nobody_misses_a_notification<unbroken, true, rl::test_result_livelock>>(how);
}
outcome weak_release_of_the_queue(search how) {
  return explore<everybody_locks<queue_left_relaxed, 3, rl::test_result_data_race>>(how);
}
outcome weak_acquire(search how) {
  return explore<everybody_locks<taken_relaxed, 2, rl::test_result_data_race>>(how);
}
outcome weak_acquire_by_spinning(search how) {
  return explore<everybody_spins<taken_relaxed, rl::test_result_data_race>>(how);
}
outcome weak_look(search how) {
  return explore<context_ends<looked_relaxed, false, rl::test_result_data_race>>(how);
}
outcome weak_shared_look(search how) {
  return explore<context_ends<looked_relaxed, true, rl::test_result_data_race>>(how);
}
outcome weak_release(search how) {
  return explore<everybody_locks<released_relaxed, 2, rl::test_result_data_race>>(how);
}
outcome unlock_without_looking_again(search how) {
  return explore<everybody_locks<blind_unlock, 2, rl::test_result_livelock>>(how);
}
outcome withdrawal_without_looking_again(search how) {
  return explore<one_gives_up<blind_withdrawal, 2, rl::test_result_user_assert_failed>>(how);
}

}  // namespace holdfast::sync::model
