#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <thread>

#include "client/cli/options.hpp"
#include "client/load/workload.hpp"

namespace holdfast::client::cli {
namespace {

constexpr auto footer =
    R"(Every connection asks again as soon as it is answered (closed loop). The run stores its keys first, under a prefix of
its own, and removes them at the end. Progress goes to standard error, the report to standard output.
Ctrl-C ends the run with the report of what was done; twice ends it at once.

Exit status: 0 no errors, 1 there were errors, 2 usage, 3 server unreachable, 130 ended before anything was measured.

JSON: settings, started_at, elapsed_ms, interrupted, throughput_per_s, latency_ms {all, get, put: {count, mean, min, p50,
p90, p99, p99_9, max}}, split {wait_ms, hold_ms, rest_ms: as latency_ms, and share; answers, without_timing,
implausible_timing}, statuses [{operation, status, count, success}], errors {total, kinds}, unfinished {count, oldest_ms},
reconnects, client {cpu_ms, cpu_us_per_request, busy_share, was_the_limit}, seconds [{second, answers, errors, p50_ms,
p99_ms, max_ms, wait_share}]. Durations are milliseconds, shares 0 to 1; what was not measured is null.

Examples:
  holdfast load --connections 64 --duration 5s
  holdfast load --read-ratio 0.5 --keys 100000 --threads 2
  holdfast load --connections 4 --hold 10ms    each request keeps the lock for 10 ms: watch the lock wait grow
  holdfast load --json | jq .latency_ms.all.p99

--server and --timeout may stand here as well: 'holdfast --help' tells of them. Here a request without --timeout may take
30 s, and the holds of all connections one after another.)";

template <class T>
void add_count(CLI::App& app, std::string const& flag, std::string const& what, T& count, T least, T most) {
  app.add_option(flag, count, what)->check(CLI::Range(least, most))->type_name("N")->capture_default_str();
}

void check_duration(std::chrono::nanoseconds duration) {
  if (duration.count() == 0) throw CLI::ValidationError("--duration", "is 0; a run takes some time, such as 10s");
}

}  // namespace

CLI::App* add_load(CLI::App& app, load_command& to) {
  auto& settings = to.settings;
  settings.threads = std::max(1U, std::thread::hardware_concurrency() / 2);

  auto* const load = app.add_subcommand("load", "Put the server under load and measure how it answers");
  add_count(*load, "--connections", "Connections, each with one request at a time", settings.connections, 1U, 100'000U);
  add_duration(*load, "--duration", "How long to measure; default 10s", [&settings](auto duration) {
    check_duration(duration);
    settings.duration = duration;
  });
  load->add_option("--read-ratio", settings.workload.read_ratio, "The share of gets, 0 to 1; the rest are puts")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SHARE")
      ->capture_default_str();
  add_count(*load, "--keys", "Keys, chosen uniformly", settings.workload.keys, 1U, 10'000'000U);
  add_count(*load, "--value-size", "Bytes of each value", settings.workload.value_bytes, load::value_bytes_min,
            1U << 20);
  add_duration(*load, "--hold", "Each request keeps the lock for this long; default: as the server is set",
               [&settings](auto hold) { settings.workload.hold = hold; });
  add_count(*load, "--threads", "Threads of this client; connections are dealt to them", settings.threads, 1U, 1024U);
  load->add_option("--seed", settings.workload.seed, "The same seed draws the same requests")
      ->type_name("N")
      ->capture_default_str();
  load->add_option_function<std::vector<std::string>>(
          "--json",
          [&settings](std::vector<std::string> const& file) {
            settings.json = true;
            if (!file.empty()) settings.json_file = file.front();
          },
          "Print the report as JSON; with a FILE, write it there and print the text")
      ->expected(0, 1)
      ->type_name("[FILE]");
  load->add_flag("--keep-keys", settings.keep_keys, "Leave the keys in the server");
  load->add_flag("-q,--quiet", settings.quiet, "No progress, only the report");
  load->footer(footer);
  load->callback([&settings] { settings.threads = std::min(settings.threads, settings.connections); });
  return load;
}

}  // namespace holdfast::client::cli
