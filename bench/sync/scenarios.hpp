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

/// The scenarios in which a lock is measured. The peer in bench/sync/tokio_mutex has the same ones with the same
/// numbers, so that the lines can be compared.
namespace holdfast::bench {

/// The amount of work: the full measurement, or a hundredth of it for checking that everything runs.
struct effort {
  std::uint64_t sections = 2'000'000;
  std::chrono::milliseconds box{400};
};

struct outcome {
  double ns = 0;             ///< wall-clock time per section
  std::uint64_t fewest = 0;  ///< sections of the task that got the fewest; both 0 if every task has a fixed number
  std::uint64_t most = 0;
};

namespace detail {

/// Runs a fixed number of sections.
class fixed_number {
 public:
  explicit fixed_number(std::uint64_t sections) : left_(sections) {}
  bool goes_on() noexcept { return left_-- != 0; }
  void count() noexcept {}

 private:
  std::uint64_t left_;
};

struct alignas(64) counter {
  std::atomic<std::uint64_t> value{0};
};

/// Runs and counts sections until stopped.
class until_stopped {
 public:
  until_stopped(std::atomic<bool> const& stop, counter& mine) : stop_(&stop), mine_(&mine) {}
  bool goes_on() const noexcept { return !stop_->load(std::memory_order_relaxed); }
  void count() noexcept { mine_->value.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<bool> const* stop_;
  counter* mine_;
};

/// Runs sections until stopped, and counts those that ran in another context than the previous one. Called by the owner
/// of the lock.
class crossings {
 public:
  crossings(until_stopped sections, unsigned context, unsigned& last)
      : sections_(sections), context_(context), last_(&last) {}
  bool goes_on() const noexcept { return sections_.goes_on(); }
  void count() noexcept {
    if (std::exchange(*last_, context_) != context_) sections_.count();
  }

 private:
  until_stopped sections_;
  unsigned context_;
  unsigned* last_;
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

/// One coroutine on one thread.
template <class Subject>
outcome uncontended(effort const& much) {
  asio::io_context context(1);
  Subject subject(context);
  asio::co_spawn(context, Subject::repeat(subject, detail::fixed_number(much.sections)), asio::detached);
  auto const start = std::chrono::steady_clock::now();
  context.run();
  return {.ns = detail::ns_each(start, much.sections)};
}

/// Coroutines on one thread, each with one yield to the executor inside the section.
template <class Subject>
outcome yield_while_held(unsigned tasks, effort const& much) {
  auto const each = much.sections / 4 / tasks;
  asio::io_context context(1);
  Subject subject(context);
  for (unsigned i = 0; i < tasks; ++i) {
    asio::co_spawn(context, Subject::repeat_yielding(subject, detail::fixed_number(each)), asio::detached);
  }
  auto const start = std::chrono::steady_clock::now();
  context.run();
  return {.ns = detail::ns_each(start, each * tasks)};
}

/// Two threads, each running `contexts[i % contexts.size()]`, until the time limit. The sections are tiny.
/// @param loop  (until_stopped, index of the context) → the loop of a coroutine
template <class Subject, class Loop>
outcome two_threads(std::vector<asio::io_context*> const& contexts, unsigned tasks, effort const& much, Loop loop) {
  Subject subject(*contexts.front());
  std::atomic<bool> stop{false};
  std::deque<detail::counter> counters(tasks);
  // A subject may use one context for coroutines of the other, so both stay until all coroutines have ended.
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
  std::barrier together(3);
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < 2; ++i) {
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

/// Two threads with an io_context each; the coroutines are divided between them.
template <class Subject>
outcome two_contexts(unsigned tasks, effort const& much) {
  asio::io_context first(1);
  asio::io_context second(1);
  return two_threads<Subject>({&first, &second}, tasks, much, detail::every_section);
}

/// The same for a lock object; measures the time from one change of context to the next.
template <class Subject>
outcome two_contexts_crossing(unsigned tasks, effort const& much) {
  asio::io_context first(1);
  asio::io_context second(1);
  unsigned last = 2;
  auto const loop = [&last](detail::until_stopped sections, unsigned context) {
    return detail::crossings(sections, context, last);
  };
  return {.ns = two_threads<Subject>({&first, &second}, tasks, much, loop).ns};
}

/// Two threads that run one io_context.
template <class Subject>
outcome shared_context(unsigned tasks, effort const& much) {
  asio::io_context context(2);
  return two_threads<Subject>({&context}, tasks, much, detail::every_section);
}

}  // namespace holdfast::bench
