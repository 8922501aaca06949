#include "client/load/report.hpp"

#include <algorithm>

#include "client/load/experiment.hpp"
#include "client/load/text.hpp"
#include "client/load/verify/verification.hpp"
#include "client/load/watch_pool.hpp"
#include "protocol/duration.hpp"

namespace holdfast::client::load {
namespace {

constexpr std::size_t name_width = 12;
constexpr std::size_t column_width = 9;  // makes tables fit into 80 columns

std::string row(std::string const& name, std::vector<std::string> const& columns) {
  auto line = "  " + to_left(name, name_width);
  for (auto const& column : columns) line += to_right(column, column_width);
  return line + '\n';
}

std::string latency_row(std::string const& name, histogram const& latency) {
  if (latency.count() == 0) return row(name, {"-", "-", "-", "-", "-", "-", "0"});
  return row(name, {readable(latency.quantile(0.5)), readable(latency.quantile(0.9)), readable(latency.quantile(0.99)),
                    readable(latency.quantile(0.999)), readable(latency.max()), readable(latency.mean()),
                    grouped(latency.count())});
}

double share_of(histogram const& part, nanoseconds whole) {
  return whole.count() == 0 ? 0 : static_cast<double>(part.sum().count()) / static_cast<double>(whole.count());
}

std::string plural(std::uint64_t count, std::string const& one) {
  return grouped(count) + ' ' + one + (count == 1 ? "" : "s");
}

/// The rates of an open loop: `5,000/s poisson`, `1,000 to 5,000/s constant`, `3 stages constant`.
std::string asked_for(load_settings const& settings) {
  auto const& first = settings.stages.front();
  auto text = short_number(first.rate_begin);
  if (first.rate_end != first.rate_begin) text += " to " + short_number(first.rate_end);
  text += "/s";
  if (settings.stages.size() > 1) text = plural(settings.stages.size(), "stage");
  return text + (settings.arrivals == arrivals::poisson ? " poisson" : " constant");
}

std::string heading(load_report const& report) {
  auto const latency = report.total.successes();
  auto line = grouped(static_cast<std::uint64_t>(report.throughput() + 0.5)) + " requests/s";
  line += latency.count() == 0 ? "   no request succeeded" : "   p99 " + readable(latency.quantile(0.99));
  auto const& settings = report.settings;
  line += is_open_loop(settings) ? "\n  open loop, " + asked_for(settings) : "\n  closed loop";
  line += ", " + plural(settings.connections, "connection") + ", " + plural(settings.threads, "thread") + ", " +
          readable(report.elapsed);
  if (settings.warm_up.count() != 0) line += " after " + protocol::format_duration(settings.warm_up) + " of warm-up";
  if (settings.workload.hold) line += ", hold " + format_hold(*settings.workload.hold);
  if (report.interrupted) line += ", interrupted";
  return line + '\n';
}

/// The answers of an operation by status, if there are several statuses or failures.
std::string status_rows(measurements const& total, operation_kind kind) {
  std::vector<series const*> found;
  for (auto const& one : total.all_series()) {
    if (one.operation == kind) found.push_back(&one);
  }
  if (found.size() < 2 && (found.empty() || found.front()->expected)) return {};
  std::ranges::sort(found, {}, &series::status);
  std::string rows;
  for (auto const* one : found)
    rows += latency_row("  " + std::string(name_of(kind)) + ' ' + std::to_string(one->status), one->latency);
  return rows;
}

std::string latency_lines(load_report const& report) {
  auto lines = '\n' + row("latency", {"p50", "p90", "p99", "p99.9", "max", "mean", "count"});
  lines += latency_row("all", report.total.successes());
  for (std::size_t i = 0; i < operation_kinds; ++i) {
    auto const kind = static_cast<operation_kind>(i);
    if (auto const latency = report.total.successes(kind); latency.count() != 0)
      lines += latency_row(std::string(name_of(kind)), latency);
    lines += status_rows(report.total, kind);
  }
  if (!is_open_loop(report.settings)) return lines;
  return lines + latency_row("since sent", report.total.since_sent()) +
         "  Latency counts from when a request was due; 'since sent', like a closed loop, leaves out what it waited "
         "before.\n";
}

std::string schedule_lines(load_report const& report) {
  if (!is_open_loop(report.settings)) return {};
  auto const& total = report.total;
  auto const started = total.late().count() + total.queued();
  auto lines = "  asked   " + short_number(report.asked_rate()) + "/s" +
               (report.settings.arrivals == arrivals::poisson ? " on average" : "") + ", started " +
               short_number(report.started_rate()) + "/s";
  if (total.queued() != 0) {
    lines += "; " + percent(static_cast<double>(total.queued()) / static_cast<double>(started)) +
             " found all connections busy";
  }
  lines += '\n';
  if (report.settings.workload.mix.weight(action::read_modify_write) != 0)
    lines += "  A read-modify-write starts once and is two requests, so that answers may outnumber starts.\n";
  if (report.client_was_late()) {
    lines += "  The client could not keep up: it started " + percent(report.late_share()) +
             " of its requests more than " + readable(load_report::late_limit) +
             " late although connections were free.\n"
             "  That is not the server's doing; use more --threads or a lower rate.\n";
  }
  return lines;
}

std::string split_lines(load_report const& report) {
  auto const& total = report.total;
  if (total.wait().count() == 0) {
    if (total.success_count() == 0) return {};
    return "\n  No answer had a Server-Timing, so the latency can't be split.\n";
  }
  auto const whole = total.split_sum();
  auto lines = '\n' + row("of which", {"share", "mean", "p50", "p99", "max"});
  auto const line = [&](std::string const& name, histogram const& part) {
    return row(name, {percent(share_of(part, whole)), readable(part.mean()), readable(part.quantile(0.5)),
                      readable(part.quantile(0.99)), readable(part.max())});
  };
  if (is_open_loop(report.settings)) lines += line("not sent yet", total.before_sending());
  auto const waits_for_disk = total.disk().max() != nanoseconds(0);
  lines += line("lock wait", total.wait()) + line("lock hold", total.hold());
  if (waits_for_disk) lines += line("disk", total.disk());
  lines += line("the rest", total.rest());
  lines += waits_for_disk ? "  Wait, hold and disk" : "  Wait and hold";
  lines += " are the server's word (Server-Timing); the rest is network, parsing and queues on both sides.\n";
  if (total.without_timing() != 0)
    lines += "  " + plural(total.without_timing(), "answer") + " had no Server-Timing and are not in this table.\n";
  if (total.implausible_timing() != 0) {
    lines += "  " + plural(total.implausible_timing(), "answer") +
             " claimed more time for the lock than they took in all and are not in this table.\n";
  }
  return lines;
}

std::string error_lines(load_report const& report) {
  auto const& total = report.total;
  auto lines = "\n  errors  " + grouped(total.error_count());
  auto separator = "   ";
  for (std::size_t i = 0; i < error_kinds; ++i) {
    auto const kind = static_cast<error_kind>(i);
    if (kind == error_kind::status || total.errors(kind) == 0) continue;
    lines += separator + std::string(name_of(kind)) + ' ' + grouped(total.errors(kind));
    separator = ", ";
  }
  for (auto const& one : total.all_series()) {
    if (one.expected) continue;
    lines += separator + std::string(name_of(one.operation)) + " answered " + std::to_string(one.status) + ": " +
             grouped(one.latency.count());
    separator = ", ";
  }
  lines += '\n';
  for (auto const& one : total.all_series()) {
    if (!one.reason.empty())
      lines += "  " + std::string(name_of(one.operation)) + " answered " + std::to_string(one.status) + ": " +
               one.reason + '\n';
  }
  if (report.unfinished != 0) {
    lines += "  " + plural(report.unfinished, "request") + " had no answer when time was up, the oldest for " +
             readable(report.oldest_unfinished) + "; they are in no other figure.\n";
  }
  if (total.reconnects() != 0)
    lines += "  The server closed a connection between requests " + grouped(total.reconnects()) + " times.\n";
  return lines;
}

std::string threshold_lines(load_report const& report) {
  std::string lines;
  for (auto const& threshold : report.settings.thresholds) {
    auto const judged = judge(threshold, report);
    lines += "  " + threshold.text + (judged.held ? "  held: " : "  BROKEN: ") + judged.measured + '\n';
  }
  return lines;
}

std::string verification_lines(load_report const& report) {
  return report.verified == nullptr ? std::string() : verify::text_of(*report.verified, report.key_prefix);
}

std::string watch_lines(load_report const& report) {
  if (report.watched == nullptr) return {};
  auto const& watched = *report.watched;
  auto lines = "  watch   " + plural(watched.watchers, "watcher") + ", " + plural(watched.events, "event");
  if (watched.wrong == 0) {
    lines += watched.events == 0 ? "" : ", each change once and in order";
  } else {
    lines += ", " + grouped(watched.wrong) + " of them WRONG: " + watched.first_wrong;
  }
  if (watched.lost != 0) lines += "; " + plural(watched.lost, "time") + " the server said that some were lost";
  if (watched.reconnects != 0) lines += "; resumed " + plural(watched.reconnects, "time");
  lines += '\n';
  if (!watched.failure.empty()) lines += "  A watcher could not begin: " + watched.failure + '\n';
  return lines;
}

std::string client_lines(load_report const& report) {
  auto const is_starved = report.starved_share() > 0.1;
  auto lines = "  client  " + percent(report.busy_share()) + " busy";
  if (is_starved) lines += ", " + percent(report.starved_share()) + " waiting for a processor";
  if (auto const each = report.per_request(report.cpu))
    lines += ", " + readable(*each) + " of processor time a request";
  lines += '\n';
  if (!report.client_was_the_limit()) return lines;
  return lines + (is_starved
                      ? "  The client was the limit: others had its processors. It needs some of its own to show "
                        "what the server can do.\n"
                      : "  The client was the limit: it had no time left. Use more --threads; the server could do "
                        "more than this.\n");
}

std::string server_lines(load_report const& report) {
  if (!report.server) return {};
  auto const& server = *report.server;
  auto lines = "  server  process " + std::to_string(server.pid);
  if (!server.name.empty()) lines += " (" + server.name + ')';
  if (!server.cpu) return lines + " ended before the run did, so its processor time is not known\n";
  lines += ": " + short_number(report.cores(*server.cpu)) + " cores busy";
  if (auto const each = report.per_request(*server.cpu))
    lines += ", " + readable(*each) + " of processor time a request";
  return lines + '\n';
}

std::string experiment_lines(load_report const& report) {
  constexpr std::string_view name = "  again   ";
  return std::string(name) + to_command(report.experiment(), name.size()) + '\n';
}

}  // namespace

double load_report::throughput() const {
  if (elapsed.count() <= 0) return 0;
  return static_cast<double>(total.success_count()) / std::chrono::duration<double>(elapsed).count();
}

bool load_report::passed() const {
  if (watched != nullptr && !watched->is_right()) return false;
  if (found) return found->confirmed || (found->interrupted && found->rate);
  // A run without any answers proves nothing.
  if (settings.thresholds.empty()) return total.error_count() == 0 && total.success_count() != 0;
  return std::ranges::all_of(settings.thresholds, [this](auto const& one) { return judge(one, *this).held; });
}

double load_report::asked_rate() const {
  double count = 0, time = 0;
  for (auto const& stage : settings.stages) {
    auto const length = std::chrono::duration<double>(stage.duration).count();
    count += (stage.rate_begin + stage.rate_end) / 2 * length;
    time += length;
  }
  return time == 0 ? 0 : count / time;
}

double load_report::started_rate() const {
  // An interrupted run was shorter than its settings.
  auto const time = std::chrono::duration<double>(std::min(elapsed, length_of(settings.stages))).count();
  return time <= 0 ? 0 : static_cast<double>(total.late().count() + total.queued()) / time;
}

double load_report::late_share() const {
  auto const started = total.late().count() + total.queued();
  return started == 0 ? 0 : static_cast<double>(total.late().count_above(late_limit)) / static_cast<double>(started);
}

std::optional<nanoseconds> load_report::per_request(nanoseconds used) const {
  auto const answers = total.answer_count();
  return answers == 0 ? std::nullopt : std::optional(used / static_cast<std::int64_t>(answers));
}

double load_report::cores(nanoseconds used) const {
  return elapsed.count() <= 0 ? 0 : static_cast<double>(used.count()) / static_cast<double>(elapsed.count());
}

double load_report::busy_share() const {
  return cores(cpu) / settings.threads;
}

double load_report::starved_share() const {
  return cores(starved) / settings.threads;
}

std::vector<experiment_entry> load_report::experiment() const {
  return found ? found->experiment : experiment_of(settings);
}

std::chrono::system_clock::time_point load_report::measured_from() const {
  return started_at + std::chrono::duration_cast<std::chrono::system_clock::duration>(settings.warm_up);
}

nanoseconds load_report::row_length(second_row const& row) const {
  constexpr nanoseconds second = std::chrono::seconds(1);
  auto const is_last = !seconds.empty() && row.second == seconds.back().second;
  return is_last ? std::max(elapsed - row.second * second, nanoseconds(0)) : second;
}

std::string text_report(load_report const& report) {
  return (report.found ? text_of(*report.found) + "\nThe last run in full: " : std::string()) + heading(report) +
         latency_lines(report) + split_lines(report) + error_lines(report) + schedule_lines(report) +
         watch_lines(report) + client_lines(report) + server_lines(report) + experiment_lines(report) +
         threshold_lines(report) + verification_lines(report);
}

}  // namespace holdfast::client::load
