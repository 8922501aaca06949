#include "tests/sync/model/lock_core_model.hpp"

#include "tests/sync/model/machine.hpp"

namespace holdfast::sync::model {
namespace {

/// What all models have: the core on the heap, so that touching it too late is seen, and data that only owners touch.
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

/// Every thread locks and unlocks; nobody is forgotten, nobody overlaps, and whoever waited is granted exactly once.
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

/// One thread asks and gives up, or finds itself granted and goes through with it; the others only lock.
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

/// One thread spins and then does without, or queues; the others only lock.
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

/// Every thread spins, and does without if that was in vain.
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

/// The waiter destroys the lock as soon as it has released it: who handed over must not look back.
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

/// Everybody who waits is taken out at once (an execution context is destroyed) while the owner releases.
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

/// An execution context ends while its waiter is let in and gives the lock up again: whoever lets in looks at the
/// waiter's link to the context, and when the waiters have been taken out nobody does any more. It once did, where the
/// lock was found free: what had been done before was seen by chance.
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
  /// @return whether somebody was let in.
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

/// Readers and a writer under shared_core: nobody overlaps who must not, and a writer that gives up lets readers in.
template <class Mutation, bool writer_gives_up, rl::test_result_e expected = rl::test_result_success>
struct readers_and_writer : rl::test_suite<readers_and_writer<Mutation, writer_gives_up, expected>, 3, expected> {
  using machine_type = machine<Mutation>;
  using core_type = detail::shared_core<machine_type>;
  using waiter_type = model_waiter<machine_type>;

  void before() {
    core = new core_type;
    value($) = 0;
  }
  /// Whom the core lets in is told after the internal lock is dropped.
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

/// Two readers release while the lock is destroyed: exactly one of the three is told that it is the last.
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
