#include "server/api/metrics.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "server/api/metrics_writer.hpp"
#include "server/api/process_figures.hpp"
#include "server/api/version.hpp"
#include "server/insight/request_counters.hpp"

namespace holdfast::server {
namespace {

/// Histograms of several threads, added up.
template <class Histogram>
struct histogram_sum {
  std::array<std::uint64_t, Histogram::buckets> counts{};
  std::uint64_t sum_ns = 0;

  void add(Histogram const& one) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += one.count(i);
    sum_ns += one.sum_ns();
  }
};

using lock_sums = std::array<histogram_sum<lock_histogram>, lock_operations>;

void write_requests(metrics_writer& out, insight const& source) {
  std::map<std::tuple<route_kind, method, unsigned>, histogram_sum<request_histogram>> sums;
  for (auto const& recorder : source.recorders)
    recorder->requests.for_each([&](route_kind route, method method, unsigned status, auto const& one) {
      sums[{route, method, status}].add(one);
    });
  out.begin("http_server_request_duration_seconds", "histogram",
            "From the end of a request's header until its answer was ready to be sent.");
  for (auto const& [kind, sum] : sums) {
    auto const& [route, method, status] = kind;
    auto const status_text = std::to_string(status);
    out.sample_histogram(request_bounds_ns, sum.counts, sum.sum_ns,
                         {{"http_request_method", name_of(method)},
                          {"http_route", name_of(route)},
                          {"http_response_status_code", status_text}});
  }
}

lock_sums sums_of(insight const& source,
                  std::array<lock_histogram, lock_operations> const& (*of)(lock_counters const&)) {
  lock_sums sums;
  for (auto const& recorder : source.recorders)
    for (std::size_t i = 0; i < lock_operations; ++i) sums[i].add(of(recorder->counters())[i]);
  return sums;
}

void write_lock_times(metrics_writer& out, lock_sums const& sums) {
  for (std::size_t i = 0; i < lock_operations; ++i)
    out.sample_histogram(lock_bounds_ns, sums[i].counts, sums[i].sum_ns,
                         {{"operation", name_of(static_cast<lock_operation>(i))}});
}

std::uint64_t sum_of(insight const& source, counter lock_counters::* which) {
  std::uint64_t sum = 0;
  for (auto const& recorder : source.recorders) sum += (recorder->counters().*which).value();
  return sum;
}

void write_lock(metrics_writer& out, insight const& source) {
  auto const waits = sums_of(source, [](lock_counters const& of) -> auto const& { return of.waits; });
  auto const holds = sums_of(source, [](lock_counters const& of) -> auto const& { return of.holds; });
  out.begin("holdfast_lock_wait_seconds", "histogram", "From asking for the lock to its grant.");
  write_lock_times(out, waits);
  out.begin("holdfast_lock_hold_seconds", "histogram", "From the lock's grant to its release.");
  write_lock_times(out, holds);

  out.begin("holdfast_lock_acquisitions_total", "counter", "Grants whose holds have ended.");
  for (std::size_t i = 0; i < lock_operations; ++i) {
    std::uint64_t count = 0;
    for (auto const each : holds[i].counts) count += each;
    out.sample(count, {{"operation", name_of(static_cast<lock_operation>(i))}});
  }
  auto const total = [&](std::string_view name, std::string_view help, counter lock_counters::* which) {
    out.begin(name, "counter", help);
    out.sample(sum_of(source, which));
  };
  total("holdfast_lock_contended_acquisitions_total",
        "Those that had to wait; by the rate of all acquisitions it is the contended share.",
        &lock_counters::contended);
  out.begin("holdfast_lock_cancellations_total", "counter", "Waits that ended without a grant, but for time-outs.");
  out.sample(sum_of(source, &lock_counters::hung_up), {{"reason", "hung_up"}});
  out.sample(sum_of(source, &lock_counters::cancelled), {{"reason", "draining"}});
  total("holdfast_lock_timeouts_total", "Requests whose lock timeout passed while they waited.",
        &lock_counters::timed_out);
  total("holdfast_lock_refusals_total", "Requests that got no place in the queue, which was full.",
        &lock_counters::refused);
  total("holdfast_lock_holds_cut_short_total", "Holds that ended early, since the client went or the server drained.",
        &lock_counters::cut_short);
  out.begin("holdfast_lock_waiting", "gauge", "Requests that wait for the lock now.");
  out.sample(sum_of(source, &lock_counters::waiting));
  out.begin("holdfast_lock_holding", "gauge", "Requests that hold the lock now: 0 or 1.");
  out.sample(sum_of(source, &lock_counters::holding));
  out.begin("holdfast_lock_events_dropped_total", "counter", "Events that consumers of /v1/lock/events missed.");
  out.sample(source.feed.dropped());
  out.begin("holdfast_lock_consumers", "gauge", "Clients that follow /v1/lock/events or read /v1/lock/trace now.");
  out.sample(source.consumers.taken());
}

void write_named_locks(metrics_writer& out, named_lock_counters const& locks) {
  auto const write = [&](std::string_view name, std::string_view type, std::string_view help, auto const& write_one) {
    out.begin(name, type, help);
    locks.for_each(write_one);
  };
  write("holdfast_named_lock_held", "gauge", "Whether the named lock is held now.",
        [&](auto name, auto const& of) { out.sample(of.held.value(), {{"lock", name}}); });
  write("holdfast_named_lock_waiting", "gauge", "Tickets that wait for it now.",
        [&](auto name, auto const& of) { out.sample(of.waiting.value(), {{"lock", name}}); });
  write("holdfast_named_lock_wait_seconds", "summary", "From asking for it to the grant.",
        [&](auto name, auto const& of) { out.sample_sum(of.grants.value(), of.wait_ns.value(), {{"lock", name}}); });
  write("holdfast_named_lock_hold_seconds", "summary", "From the grant to its end.",
        [&](auto name, auto const& of) { out.sample_sum(of.holds.value(), of.hold_ns.value(), {{"lock", name}}); });
  write("holdfast_named_lock_lost_leases_total", "counter", "Leases that ended, of who held it and who waited for it.",
        [&](auto name, auto const& of) {
          out.sample(of.held_lost.value(), {{"lock", name}, {"state", "held"}});
          out.sample(of.waiting_lost.value(), {{"lock", name}, {"state", "waiting"}});
        });
}

void write_journal(metrics_writer& out, kept_data const& kept) {
  histogram_sum<lock_histogram> times;
  times.add(kept.counters.times);
  out.begin("holdfast_journal_commit_seconds", "histogram", "From the beginning of a commit until it was durable.");
  out.sample_histogram(lock_bounds_ns, times.counts, times.sum_ns);
  histogram_sum<histogram<batch_bounds>> batches;
  batches.add(kept.counters.batches);
  out.begin("holdfast_journal_batch_changes", "histogram", "Changes that one commit made durable.");
  out.sample_histogram_of_numbers(batch_bounds, batches.counts, batches.sum_ns);
  out.begin("holdfast_journal_committed_bytes_total", "counter", "Keys and values that have become durable.");
  out.sample(kept.counters.bytes.value());
  out.begin("holdfast_journal_pending_bytes", "gauge", "Memory of changes that are not durable yet.");
  out.sample(kept.commits->pending_bytes());
  out.begin("holdfast_journal_durable_revision", "gauge", "All changes up to it survive a crash.");
  out.sample(kept.commits->durable_revision());
  auto const figures = kept.source->figures();
  out.begin("holdfast_journal_bytes", "gauge", "What the journal takes on its disk.");
  out.sample(figures.bytes);
  if (figures.bytes_free) {
    out.begin("holdfast_journal_free_bytes", "gauge", "What is free on its disk.");
    out.sample(*figures.bytes_free);
  }
  out.begin("holdfast_journal_info", "gauge", "Always 1; the labels tell which journal, and whether it syncs.");
  out.sample(1, {{"kind", kept.source->name()}, {"sync", kept.is_synced ? "on" : "off"}});
}

void write_access(metrics_writer& out, access_control const& access) {
  if (access.tokens) {
    out.begin("holdfast_tokens", "gauge", "Tokens in force, those that have expired among them.");
    out.sample(access.tokens->current()->all().size());
  }
  if (access.rates) {
    out.begin("holdfast_limited_clients", "gauge", "Clients whose rates are remembered.");
    out.sample(access.rates->clients());
  }
  if (!access.audit && !access.requests) return;
  out.begin("holdfast_log_lines_dropped_total", "counter", "Lines that a log's disk did not take in time.");
  if (access.audit) out.sample(access.audit->dropped(), {{"log", "audit"}});
  if (access.requests) out.sample(access.requests->dropped(), {{"log", "access"}});
}

/// Under the names that all of Prometheus's own libraries give them.
void write_process(metrics_writer& out) {
  auto const figures = look_at_process();
  out.begin("process_cpu_seconds_total", "counter", "Processor time, of users and of the kernel.");
  out.sample_seconds(figures.cpu_ns);
  out.begin("process_resident_memory_bytes", "gauge", "Memory that is resident.");
  out.sample(figures.resident_bytes);
  out.begin("process_virtual_memory_bytes", "gauge", "Memory that is mapped.");
  out.sample(figures.virtual_bytes);
  out.begin("process_open_fds", "gauge", "Open file descriptors.");
  out.sample(figures.descriptors);
  out.begin("process_max_fds", "gauge", "File descriptors that may be open.");
  out.sample(figures.descriptors_max);
}

void write_tls(metrics_writer& out, tls_figures const& figures) {
  out.begin("holdfast_tls_certificate_not_after_seconds", "gauge",
            "When the certificate expires, in seconds since 1970.");
  out.sample(static_cast<std::uint64_t>(std::max<std::int64_t>(figures.not_after, 0)));
  out.begin("holdfast_tls_certificate_reloads_total", "counter",
            "Certificates read again: taken over, or failed, so that the old one stays.");
  out.sample(figures.reloads, {{"result", "taken"}});
  out.sample(figures.reload_failures, {{"result", "failed"}});
  out.begin("holdfast_tls_handshakes_total", "counter",
            "TLS handshakes: full, resumed from an earlier session, failed.");
  auto const resumed = figures.resumptions.load(), done = figures.handshakes.load();
  out.sample(done - std::min(resumed, done), {{"result", "full"}});
  out.sample(resumed, {{"result", "resumed"}});
  out.sample(figures.failures, {{"result", "failed"}});
}

void write_cluster(metrics_writer& out, cluster_view const& cluster) {
  auto const report = cluster.report();
  out.begin("holdfast_cluster_leads", "gauge", "Whether this server leads its cluster; otherwise it is a standby.");
  out.sample(report.leads ? 1 : 0, {{"cluster", report.name}});
  out.begin("holdfast_cluster_has_leader", "gauge", "Whether this server knows a leader and can serve requests.");
  out.sample(!report.leader.empty() && !cluster.is_cut_off() ? 1 : 0);
  out.begin("holdfast_cluster_term", "gauge", "Grows with each change of the leader; 0: none is known.");
  out.sample(static_cast<std::uint64_t>(report.term));
  out.begin("holdfast_cluster_revision", "gauge", "Up to which this server has the data.");
  out.sample(report.revision);
  out.begin("holdfast_cluster_forwards_total", "counter",
            "Requests to this standby: answered by the leader; refused, as there was none; lost, so nobody knows.");
  out.sample(report.forwarded, {{"result", "answered"}});
  out.sample(report.forwarded_in_vain, {{"result", "refused"}});
  out.sample(report.forwarded_unanswered, {{"result", "lost"}});
  if (report.lag) {
    out.begin("holdfast_cluster_lag_seconds", "gauge",
              "From the leader's commit of the latest change to its arrival at this standby.");
    out.sample_seconds(static_cast<std::uint64_t>(report.lag->count()));
  }
  if (report.etcd_latency) {
    out.begin("holdfast_cluster_etcd_seconds", "gauge", "How long etcd took to confirm that this server leads.");
    out.sample_seconds(static_cast<std::uint64_t>(report.etcd_latency->count()));
  }
}

}  // namespace

std::string metrics_text(insight const& source, std::size_t connections, memory_use const& memory,
                         named_lock_counters const& locks, kept_data const& kept, access_control const* access,
                         tls_figures const* tls, cluster_view const* cluster) {
  metrics_writer out;
  write_requests(out, source);
  write_lock(out, source);
  out.begin("holdfast_connections", "gauge", "Open connections.");
  out.sample(connections);
  out.begin("holdfast_memory_bytes", "gauge", "Counted memory: of keys and values, and of requests under way.");
  out.sample(memory.data_bytes, {{"kind", "data"}});
  out.sample(memory.under_way_bytes, {{"kind", "under_way"}});
  out.begin("holdfast_memory_limit_bytes", "gauge", "What each kind may take, as --max-memory says.");
  out.sample(memory.data_bytes_max, {{"kind", "data"}});
  out.sample(memory.under_way_bytes_max, {{"kind", "under_way"}});
  out.begin("holdfast_keys", "gauge", "Keys that are stored.");
  out.sample(memory.keys);
  write_named_locks(out, locks);
  if (kept.source != nullptr) write_journal(out, kept);
  if (tls != nullptr) write_tls(out, *tls);
  if (cluster != nullptr) write_cluster(out, *cluster);
  out.begin("holdfast_build_info", "gauge", "Always 1; the labels tell what runs.");
  auto const build = build_info();
  out.sample(1, {{"version", build.version}, {"compiler", build.compiler}, {"boost", build.boost}});
  if (access != nullptr) write_access(out, *access);
  write_process(out);
  out.begin("process_start_time_seconds", "gauge", "When the server started, in seconds since 1970.");
  out.sample_seconds(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(source.started_on.time_since_epoch()).count()));
  return std::move(out.text());
}

}  // namespace holdfast::server
