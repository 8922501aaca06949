#pragma once

#include <algorithm>
#include <atomic>
#include <barrier>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "bench/sync/subjects.hpp"

/// The situations in which a lock is measured. bench/sync/tokio_mutex has those without loop.work() too, with the same
/// numbers, so that the lines compare.
namespace holdfast::bench {

/// How much is done: the full measure, or a hundredth of it to see that everything runs.
struct effort {
  std::uint64_t sections = 2'000'000;
  std::chrono::milliseconds box{400};
};

struct outcome {
  double ns = 0;             ///< of the wall clock, a section
  std::uint64_t fewest = 0;  ///< sections of the task that got the fewest; 0 and 0 where each has its number to do
  std::uint64_t most = 0;
};

namespace detail {

/// A given number of sections.
class fixed_number {
 public:
  explicit fixed_number(std::uint64_t sections) : left_(sections) {}
  bool goes_on() noexcept { return left_-- != 0; }
  void work() noexcept {}
  void count() noexcept {}

 private:
  std::uint64_t left_;
};

struct alignas(64) counter {
  std::atomic<std::uint64_t> value{0};
};

/// Sections until told to stop, counted.
class until_stopped {
 public:
  until_stopped(std::atomic<bool> const& stop, counter& mine) : stop_(&stop), mine_(&mine) {}
  bool goes_on() const noexcept { return !stop_->load(std::memory_order_relaxed); }
  void work() const noexcept {}
  void count() noexcept { mine_->value.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<bool> const* stop_;
  counter* mine_;
};

/// Sections until told to stop, of which those are counted that were in another context than the one before. Called by
/// the owner of the lock.
class crossings {
 public:
  crossings(until_stopped sections, unsigned context, unsigned& last)
      : sections_(sections), context_(context), last_(&last) {}
  bool goes_on() const noexcept { return sections_.goes_on(); }
  void work() const noexcept {}
  void count() noexcept {
    if (std::exchange(*last_, context_) != context_) sections_.count();
  }

 private:
  until_stopped sections_;
  unsigned context_;
  unsigned* last_;
};

/// Keeps the processor busy.
inline void spin(std::uint64_t steps) noexcept {
  for (; steps != 0; --steps) asm volatile("" ::: "memory");
}

/// How many steps of spin() take a nanosecond.
inline double steps_per_ns() {
  static double const measured = [] {
    constexpr std::uint64_t steps = 20'000'000;
    auto const start = std::chrono::steady_clock::now();
    spin(steps);
    std::chrono::duration<double, std::nano> const elapsed = std::chrono::steady_clock::now() - start;
    return static_cast<double>(steps) / elapsed.count();
  }();
  return measured;
}

/// Sections that keep the processor busy, until told to stop.
class long_sections {
 public:
  long_sections(until_stopped sections, std::uint64_t steps) : sections_(sections), steps_(steps) {}
  bool goes_on() const noexcept { return sections_.goes_on(); }
  void work() const noexcept { spin(steps_); }
  void count() noexcept { sections_.count(); }

 private:
  until_stopped sections_;
  std::uint64_t steps_;
};

inline double ns_each(std::chrono::steady_clock::time_point start, std::uint64_t sections) {
  std::chrono::duration<double, std::nano> const elapsed = std::chrono::steady_clock::now() - start;
  return elapsed.count() / static_cast<double>(std::max<std::uint64_t>(sections, 1));
}

inline constexpr auto every_section = [](until_stopped sections, unsigned) { return sections; };

inline outcome summarize(std::chrono::steady_clock::duration elapsed, std::deque<counter> const& counters) {
  std::uint64_t sum = 0;
  outcome result{.fewest = ~std::uint64_t{0}};
  for (auto const& each : counters) {
    auto const sections = each.value.load();
    sum += sections;
    result.fewest = std::min(result.fewest, sections);
    result.most = std::max(result.most, sections);
  }
  result.ns =
      std::chrono::duration<double, std::nano>(elapsed).count() / static_cast<double>(std::max<std::uint64_t>(sum, 1));
  return result;
}

}  // namespace detail

/// Coroutines on one thread that do a number of sections together.
/// @param repeat  (subject, fixed_number) → one coroutine
template <class Subject, class Repeat>
outcome one_thread(unsigned tasks, std::uint64_t sections, Repeat repeat) {
  auto const each = sections / tasks;
  asio::io_context context(1);
  Subject subject(context);
  for (unsigned i = 0; i < tasks; ++i)
    asio::co_spawn(context, repeat(subject, detail::fixed_number(each)), asio::detached);
  auto const start = std::chrono::steady_clock::now();
  context.run();
  return {.ns = detail::ns_each(start, each * tasks)};
}

template <class Subject>
outcome uncontended(effort const& much) {
  return one_thread<Subject>(1, much.sections, [](auto& one, auto loop) { return Subject::repeat(one, loop); });
}

/// Each coroutine has a turn of the executor inside its section.
template <class Subject>
outcome yield_while_held(unsigned tasks, effort const& much) {
  return one_thread<Subject>(tasks, much.sections / 4,
                             [](auto& one, auto loop) { return Subject::repeat_yielding(one, loop); });
}

/// Each coroutine has a turn of the executor after its section.
template <class Subject>
outcome yield_after(unsigned tasks, effort const& much) {
  return one_thread<Subject>(tasks, much.sections / 4,
                             [](auto& one, auto loop) { return Subject::repeat_then_yield(one, loop); });
}

/// Threads, each running `contexts[i % contexts.size()]`, until the time box ends.
/// @param loop  (until_stopped, context's number) → what the coroutine repeats
template <class Subject, class Loop>
outcome with_threads(unsigned threads_count, std::vector<asio::io_context*> const& contexts, unsigned tasks,
                     effort const& much, Loop loop) {
  Subject subject(*contexts.front());
  std::atomic<bool> stop{false};
  std::deque<detail::counter> counters(tasks);
  // A subject may use one context on behalf of the other's coroutines: each stays until all coroutines have ended.
  std::vector<asio::executor_work_guard<executor>> stay;
  for (auto* const context : contexts) stay.emplace_back(context->get_executor());
  std::atomic<unsigned> running{tasks};
  auto const ended = [&](std::exception_ptr) {
    if (--running == 0) stay.clear();
  };
  for (unsigned i = 0; i < tasks; ++i) {
    auto const context = static_cast<unsigned>(i % contexts.size());
    asio::co_spawn(*contexts[context],
                   Subject::repeat(subject, loop(detail::until_stopped(stop, counters[i]), context)), ended);
  }
  std::barrier together(static_cast<std::ptrdiff_t>(threads_count) + 1);
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < threads_count; ++i) {
    threads.emplace_back([&, i] {
      together.arrive_and_wait();
      contexts[i % contexts.size()]->run();
    });
  }
  together.arrive_and_wait();
  auto const start = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(much.box);
  stop.store(true, std::memory_order_relaxed);
  auto const elapsed = std::chrono::steady_clock::now() - start;
  threads.clear();

  return detail::summarize(elapsed, counters);
}

/// Two threads with an io_context each; the coroutines are dealt to them.
template <class Subject>
outcome two_contexts(unsigned tasks, effort const& much) {
  asio::io_context first(1);
  asio::io_context second(1);
  return with_threads<Subject>(2, {&first, &second}, tasks, much, detail::every_section);
}

/// The same for a lock object; the nanoseconds are those from one change of context to the next.
template <class Subject>
outcome two_contexts_crossing(unsigned tasks, effort const& much) {
  asio::io_context first(1);
  asio::io_context second(1);
  unsigned last = 2;
  auto const loop = [&last](detail::until_stopped sections, unsigned context) {
    return detail::crossings(sections, context, last);
  };
  return {.ns = with_threads<Subject>(2, {&first, &second}, tasks, much, loop).ns};
}

/// Threads with an io_context and eight coroutines each, and nothing but sections of this length.
template <class Subject>
outcome long_sections(std::uint64_t section_ns, unsigned threads, effort const& much) {
  std::deque<asio::io_context> all;
  std::vector<asio::io_context*> contexts;
  for (unsigned i = 0; i < threads; ++i) contexts.push_back(&all.emplace_back(1));
  auto const steps = static_cast<std::uint64_t>(detail::steps_per_ns() * static_cast<double>(section_ns));
  auto const loop = [steps](detail::until_stopped sections, unsigned) {
    return detail::long_sections(sections, steps);
  };
  return with_threads<Subject>(threads, contexts, 8 * threads, much, loop);
}

/// Two threads that run one io_context.
template <class Subject>
outcome shared_context(unsigned tasks, effort const& much) {
  asio::io_context context(2);
  return with_threads<Subject>(2, {&context}, tasks, much, detail::every_section);
}

}  // namespace holdfast::bench
