#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/sync/scenarios.hpp"

namespace holdfast::bench {
namespace {

constexpr auto footer =
    R"(Scenarios, each for our lock, for our lock with the section as a function (name_run), and for std::mutex, an Asio
strand and an Asio channel (name_std_mutex, name_strand, name_channel):
  uncontended       one coroutine, one thread: lock, add one, unlock
  yield_while_held  N coroutines on one thread, one turn of the executor inside the section; for what can be owned
                    across an await
  yield_after       the same with the turn after the section
  two_contexts      N coroutines over two threads with an io_context each, tiny section
  two_contexts_crossing  the same, lock alone: from one change of the owner's context to the next
  shared_context    N coroutines on one io_context that two threads run, tiny section
Other forms of our lock in the first four: name_any_executor, name_timed, name_shared_writer, name_shared_reader.
  section_LENGTH    N threads with an io_context and eight coroutines each, and nothing but sections of 0ns, 100ns, 1us
                    or 10us; for our lock, our lock with a function, and std::mutex

fewest and most are the sections of the coroutine that got the fewest and of the one that got the most, in the time box.

Examples:
  bench_sync
  bench_sync two_contexts_run --csv
  bench_sync yield_while_held --tasks 16)";

struct options {
  std::string scenario;  ///< exact name; empty for all
  unsigned tasks = 0;    ///< 0 for all numbers
  bool csv = false;
  bool quick = false;
};

class bench {
 public:
  explicit bench(options const& chosen) : chosen_(chosen) {
    if (chosen.quick) effort_ = {.sections = 20'000, .box = std::chrono::milliseconds(4)};
    if (!chosen.csv) std::printf("%-28s %6s %10s %10s %10s\n", "scenario", "tasks", "ns", "fewest", "most");
  }

  template <class Subject>
  void subject() {
    std::string const suffix(Subject::suffix);
    run("uncontended" + suffix, 1, [&](unsigned) { return uncontended<Subject>(effort_); });
    for (unsigned const tasks : {2, 16, 1000}) {
      if constexpr (Subject::holds_across_await)
        run("yield_while_held" + suffix, tasks, [&](unsigned n) { return yield_while_held<Subject>(n, effort_); });
      run("yield_after" + suffix, tasks, [&](unsigned n) { return yield_after<Subject>(n, effort_); });
    }
    for (unsigned const tasks : {2, 16, 256}) {
      run("two_contexts" + suffix, tasks, [&](unsigned n) { return two_contexts<Subject>(n, effort_); });
      run("shared_context" + suffix, tasks, [&](unsigned n) { return shared_context<Subject>(n, effort_); });
    }
  }

  /// Another form of our lock, in the situations that show its cost.
  template <class Subject>
  void form() {
    std::string const suffix(Subject::suffix);
    run("uncontended" + suffix, 1, [&](unsigned) { return uncontended<Subject>(effort_); });
    run("yield_while_held" + suffix, 16, [&](unsigned n) { return yield_while_held<Subject>(n, effort_); });
    run("two_contexts" + suffix, 16, [&](unsigned n) { return two_contexts<Subject>(n, effort_); });
  }

  template <class Subject>
  void lengths() {
    for (auto const& [name, ns] : {std::pair("0ns", 0U), {"100ns", 100U}, {"1us", 1'000U}, {"10us", 10'000U}}) {
      for (unsigned const threads : {1, 2, 4}) {
        run("section_" + std::string(name) + std::string(Subject::suffix), threads,
            [&, ns = ns](unsigned n) { return long_sections<Subject>(ns, n, effort_); });
      }
    }
  }

  template <class Subject>
  void crossings() {
    for (unsigned const tasks : {2, 16, 256}) {
      run("two_contexts_crossing", tasks, [&](unsigned n) { return two_contexts_crossing<Subject>(n, effort_); });
    }
  }

  [[nodiscard]] bool has_run() const { return has_run_; }

 private:
  template <class Measure>
  void run(std::string const& name, unsigned tasks, Measure measure) {
    if (!chosen_.scenario.empty() && chosen_.scenario != name) return;
    if (chosen_.tasks != 0 && chosen_.tasks != tasks) return;
    has_run_ = true;
    auto const [ns, fewest, most] = measure(tasks);
    std::printf(chosen_.csv ? "%s,%u,%.1f,%llu,%llu\n" : "%-28s %6u %10.1f %10llu %10llu\n", name.c_str(), tasks, ns,
                static_cast<unsigned long long>(fewest), static_cast<unsigned long long>(most));
    std::fflush(stdout);
  }

  options chosen_;
  effort effort_;
  bool has_run_ = false;
};

int run(int argc, char** argv) {
  options chosen;
  CLI::App app("Nanoseconds a critical section under awaitable and other locks");
  app.add_option("scenario", chosen.scenario, "Only this one, by its whole name");
  app.add_option("--tasks", chosen.tasks, "Only with this number of coroutines");
  app.add_flag("--csv", chosen.csv, "Lines of scenario,tasks,ns,fewest,most without a heading");
  app.add_flag("--quick", chosen.quick, "A hundredth of the work: shows that it runs, not how fast");
  app.footer(footer);
  CLI11_PARSE(app, argc, argv);

  // In a process that never had a second thread, glibc's mutex uses no atomic instructions. Start one, since such a
  // program needs no lock.
  std::jthread([] {}).join();

  bench all(chosen);
  all.subject<holdfast_lock>();
  all.crossings<holdfast_lock>();
  all.subject<holdfast_run>();
  all.subject<std_mutex>();
  all.subject<strand>();
  all.subject<channel>();
  all.form<any_executor>();
  all.form<timed>();
  all.form<shared_writer>();
  all.form<shared_reader>();
  all.lengths<holdfast_lock>();
  all.lengths<holdfast_run>();
  all.lengths<std_mutex>();
  if (all.has_run()) return 0;
  std::fprintf(stderr, "bench_sync: there is no scenario '%s' with that number of tasks; see bench_sync --help\n",
               chosen.scenario.c_str());
  return 2;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  try {
    return holdfast::bench::run(argc, argv);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "bench_sync: %s\n", error.what());
    return 1;
  }
}
