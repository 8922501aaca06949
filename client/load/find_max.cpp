#include "client/load/find_max.hpp"

#include <algorithm>

#include "client/load/report.hpp"
#include "client/load/text.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;

/// Shorter timeouts for probes: at a rate far above the server's capacity, the client would otherwise wait for answers
/// that no longer matter.
constexpr auto timeout_min = 2s;
constexpr auto timeout_factor = 10;

bool is_duration(metric of) {
  return of != metric::throughput && of != metric::errors;
}

nanoseconds longest_limit(std::vector<threshold> const& limits) {
  nanoseconds longest = 30s / timeout_factor;
  bool any = false;
  for (auto const& limit : limits) {
    if (!is_duration(limit.of)) continue;
    auto const duration = nanoseconds(static_cast<std::int64_t>(limit.limit));
    longest = any ? std::max(longest, duration) : duration;
    any = true;
  }
  return longest;
}

load_settings settings_of(load_settings const& all, rate_search::step const& step) {
  auto probe = all;
  probe.thresholds = all.find_max;
  probe.duration = all.duration * (step.confirms ? confirmation_factor : 1);
  probe.stages = {{probe.duration, step.rate, step.rate}};
  if (!all.connection.request_timeout) {
    auto const hold = all.workload.hold ? static_cast<std::int64_t>(all.workload.hold->high()) : 0;
    probe.connection.request_timeout =
        std::max<nanoseconds>(timeout_min, longest_limit(all.find_max) * timeout_factor) + nanoseconds(hold);
  }
  return probe;
}

}  // namespace

probe judge_probe(load_report const& report, rate_search::step const& step) {
  auto const latency = report.total.successes();
  probe done{.rate = step.rate,
             .answered = report.throughput(),
             .confirms = step.confirms,
             .p50 = latency.quantile(0.5),
             .p99 = latency.quantile(0.99),
             .why = {}};
  auto const add = [&](std::string const& what) {
    done.outcome = probe_outcome::broken;
    done.why += (done.why.empty() ? "" : ", ") + what;
  };
  auto const& limits = report.settings.thresholds;
  for (auto const& limit : limits) {
    if (auto const judged = judge(limit, report); !judged.held) add(limit.text + " was " + judged.measured);
  }
  if (report.total.error_count() != 0 && std::ranges::find(limits, metric::errors, &threshold::of) == limits.end())
    add(grouped(report.total.error_count()) + " errors");
  if (report.elapsed > report.settings.duration * 11 / 10)
    add("the last answers came " + readable(report.elapsed - report.settings.duration) + " after its time");
  // Latency counts from the scheduled start, so a probe that held despite a late client is valid.
  if (done.outcome == probe_outcome::broken && (report.client_was_late() || report.client_was_the_limit())) {
    done.outcome = probe_outcome::client_was_late;
    done.why = "the client could not keep up; " + done.why;
  }
  return done;
}

result<load_report> find_max(load_settings const& settings, run_once const& run,
                             std::function<void(std::string)> const& note) {
  rate_search search(settings.stages.front().rate_begin);
  found_rate found{.limits = settings.find_max,
                   .probes = {},
                   .rate = {},
                   .bounded_by = {},
                   .probe_duration = settings.duration,
                   .confirmation_duration = settings.duration * confirmation_factor,
                   .warm_up = settings.warm_up,
                   .experiment = experiment_of(settings)};
  std::optional<load_report> last;
  while (auto const step = search.next()) {
    auto outcome = run(settings_of(settings, *step));
    if (!outcome) return outcome.error();
    found.interrupted = outcome->interrupted;
    // A probe interrupted during its warm-up has no result; keep the previous one.
    if (!last || !found.interrupted || outcome->elapsed > 0s) last = std::move(*outcome);
    if (found.interrupted) break;
    auto done = judge_probe(*last, *step);
    note((step->confirms ? "confirming " : "probing ") + short_number(done.rate) +
         "/s: " + (done.outcome == probe_outcome::held ? "held, p99 " + readable(done.p99) : done.why));
    search.tell(done.outcome);
    found.probes.push_back(std::move(done));
  }
  found.rate = search.highest();
  found.confirmed = search.confirmed();
  found.bounded_by = search.bounded_by();
  last->interrupted = found.interrupted;
  last->found = std::move(found);
  return std::move(*last);
}

}  // namespace holdfast::client::load
