#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <thread>

#include "client/cli/options.hpp"
#include "client/load/workload.hpp"

namespace holdfast::client::cli {
namespace {

constexpr auto footer =
    R"(Every connection asks again as soon as it is answered (closed loop), or with --rate or --stage requests start on a
schedule (open loop): then latency counts from when a request was due, so that a stall shows in full.
The run stores its keys first, under a prefix of its own, and removes them at the end. Progress goes to standard error,
the report to standard output.
An experiment is a TOML file with one setting a line, such as mix = "get=80,put=20", keys = 1000 or threshold = ["p99<5ms"].
Ctrl-C ends the run with the report of what was done; twice ends it at once.

Exit status: 0 no errors, 1 there were errors, 2 usage, 3 server unreachable, 130 ended before anything was measured.
With --threshold: 0 all held, 4 one was broken; errors count only where a threshold names them.
With --verify: 5 an answer was wrong, or the lock was granted out of turn; 6 that could not be decided.
Workloads are those of YCSB: a (half gets, half puts), b (95 % gets), c (gets alone), d (95 % gets of the latest keys, 5 %
inserts), e (95 % lists of up to 100 keys, 5 % inserts), f (half gets, half read-modify-writes).
A mix has get, put, insert, delete; rmw (a get, then a put of the same key on the same connection); cas (the same, if it has
not changed); create (a put if there is no value); list; txn (reads two keys at once, then writes one or both if neither has
changed); incr (adds 1 to a counter); and watch, which is no request: this share of the connections watches all keys of the
run, and checks that every change comes once and in order. Where values are deleted or expire, a missing key is no error.
Keys are chosen uniform, sequential, zipfian (key 0 most often), scrambled (as zipfian, but the popular keys
lie anywhere) or latest (the newer the more often), the last three with a constant if you like: zipfian:0.99.

--find-max doubles the rate from --rate (1000/s) until a probe breaks a limit twice, halves the gap down to 5 %, and confirms what is
left over three times --duration (5s). Where the client can't keep up it says so, and claims no more than it has measured.

Thresholds are a metric (p50, p90, p99, p99.9, max, mean, throughput, errors), a relation (<, <=, >, >=, ==) and a limit.

JSON: settings, started_at, elapsed_ms, interrupted, throughput_per_s, latency_ms {all and each operation: {count, mean,
min, p50, p90, p99, p99_9, max}}, open_loop {asked_per_s, started_per_s, found_no_connection, late_share, late_ms,
since_sent_ms}, split {before_sending_ms, wait_ms, hold_ms, rest_ms: as latency_ms, and share; answers, without_timing,
implausible_timing}, statuses [{operation, status, count, success, reason, latency_ms}], errors {total, kinds},
unfinished {count, oldest_ms}, reconnects, client {cpu_ms, cpu_us_per_request, busy_share, starved_share, was_the_limit},
server {pid, name, cpu_ms, cpu_us_per_request, cores} or null,
find_max {rate_per_s, confirmed, bounded_by, limits, probes} or null, thresholds [{threshold, held, measured}],
verification {verdict, operations, violations, lock_order, and more} or null,
curve_ms {all and each operation, since_sent: [[share, ms]]}, seconds [{second, length_ms, answers, errors, mean_ms, p50_ms,
p90_ms, p99_ms, p99_9_ms, max_ms, wait_share, split_ms, since_sent_p99_ms, operations, statuses}]. With --runs: {version,
runs: [as above]}. Durations are milliseconds, shares 0 to 1; what was not measured is null.
CSV: a row for each run, second and operation, and the totals: run, second, operation, length_s, answers, errors,
throughput_per_s, mean_ms, p50_ms, p90_ms, p99_ms, p99_9_ms, max_ms, and of all operations together before_sending_ms,
wait_ms, hold_ms, rest_ms (means), of the totals also client_cpu_us, server_cpu_us (a request). What was not measured is
empty.

Examples:
  holdfast load --connections 64 --duration 5s
  holdfast load --rate 5000/s --arrivals poisson --warm-up 2s
  holdfast load --stage 10s@1000/s --stage 30s@1000/s..5000/s
  holdfast load --workload b --keys 100000 --threads 2
  holdfast load --mix get=80,put=15,delete=5 --key-choice zipfian:0.99 --value-size 64..4096
  holdfast load --connections 4 --hold 10ms    each request keeps the lock for 10 ms: watch the lock wait grow
  holdfast load --hold exp:5ms --hold-share 10%
  holdfast load --rate 1000/s --threshold 'p99<5ms' --threshold 'errors==0'
  holdfast load --find-max 'p99<5ms' --connections 256
  holdfast load --verify --mix get=60,put=30,delete=10 --keys 100   with a proof that the answers were right
  holdfast load --verify --mix txn=40,list=20,cas=20,get=20,watch=5 --ttl exp:5s --ttl-share 10% --keys 100
  holdfast load --server-pid $(pidof holdfast-server)   also what a request costs the server, on the same machine
  holdfast load --json | jq .latency_ms.all.p99
  holdfast load --rate 2000/s --html report.html
  holdfast load --workload a --rate 5000/s --print-experiment > experiment.toml
  holdfast load experiment.toml --duration 1m
  holdfast load --runs 5 --json runs.json --csv runs.csv --hdr runs.hlog

--server and --timeout may stand here as well: 'holdfast --help' tells of them. Here a request without --timeout may take
30 s, and the holds of all connections one after another.)";

/// Reads `10%` or `0.1`.
protocol::result<double> parse_share(std::string_view text) {
  auto const percent = text.ends_with('%');
  auto const number = text.substr(0, text.size() - (percent ? 1 : 0));
  double share = 0;
  auto const [end, failed] =
      std::from_chars(number.data(), number.data() + number.size(), share, std::chars_format::fixed);
  if (percent) share /= 100;
  if (failed != std::errc() || end != number.data() + number.size() || !(share >= 0 && share <= 1)) {
    return protocol::failure{protocol::errc::invalid_parameter,
                             "'" + std::string(text) + "' is not a share: write 10% or 0.1"};
  }
  return share;
}

template <class T>
void add_count(CLI::App& app, std::string const& flag, std::string const& what, T& count, T least, T most) {
  app.add_option(flag, count, what)->check(CLI::Range(least, most))->type_name("N")->capture_default_str();
}

void add_file(CLI::App& app, std::string const& flag, std::string const& what, std::string& path) {
  app.add_option(flag, path, what)
      ->check([](std::string const& given) { return given.empty() ? std::string("needs the name of a file") : ""; })
      ->type_name("FILE");
}

void check_duration(std::chrono::nanoseconds duration) {
  if (duration.count() == 0) throw CLI::ValidationError("--duration", "is 0; a run takes some time, such as 10s");
}

/// Adds an option whose text `parse` reads or refuses with what would be right.
template <class Parse, class Set>
CLI::Option* add_parsed(CLI::App& app, std::string const& flag, std::string const& what, Parse parse, Set set) {
  return app.add_option_function<std::string>(
      flag,
      [flag, parse, set](std::string const& text) {
        auto const parsed = parse(text);
        if (!parsed) throw CLI::ValidationError(flag, parsed.error().detail);
        set(*parsed);
      },
      what);
}

CLI::Option* add_thresholds(CLI::App& app, std::string const& flag, std::string const& what,
                            std::vector<load::threshold>& to) {
  return app
      .add_option_function<std::vector<std::string>>(
          flag,
          [flag, &to](std::vector<std::string> const& texts) {
            for (auto const& text : texts) {
              auto const parsed = load::parse_threshold(text);
              if (!parsed) throw CLI::ValidationError(flag, parsed.error().detail);
              to.push_back(*parsed);
            }
          },
          what)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)  // the word behind it may be the experiment
      ->type_name("THRESHOLD");
}

void add_workload(CLI::App& app, load::workload_settings& workload) {
  // Before --mix and --key-choice, which change what it sets: CLI11 takes options in the order they were added.
  add_parsed(app, "--workload", "A mix and a choice of keys by the name that YCSB gives them: a to f",
             load::parse_workload,
             [&workload](auto const& standard) {
               workload.mix = standard.mix;
               workload.key_choice = standard.keys;
             })
      ->type_name("NAME");
  add_parsed(app, "--mix", "What is asked for, by shares; default get=90,put=10", load::parse_mix,
             [&workload](auto const& mix) { workload.mix = mix; })
      ->type_name("MIX");
  add_parsed(app, "--key-choice", "uniform (the default), sequential, zipfian, scrambled or latest",
             load::parse_key_choice, [&workload](auto const& choice) { workload.key_choice = choice; })
      ->type_name("CHOICE");
  add_count(app, "--keys", "Keys stored before the run", workload.keys, 1U, 10'000'000U);
  add_parsed(app, "--value-size", "Bytes of each value: 64 (the default), 64..4096, or exp:256 by its mean",
             load::parse_value_size, [&workload](auto const& size) { workload.value_bytes = size; })
      ->type_name("SIZE");
  add_parsed(app, "--hold",
             "Each request keeps the lock for this long: 5ms, uniform:1ms..5ms, or exp:5ms by its mean; default: as the"
             " server is set",
             load::parse_hold, [&workload](auto const& hold) { workload.hold = hold; })
      ->type_name("HOLD");
  add_parsed(app, "--hold-share", "The share of the requests that ask for the hold, such as 10%; default 100%",
             parse_share, [&workload](auto share) { workload.hold_share = share; })
      ->type_name("SHARE");
  add_parsed(app, "--ttl", "Values that are put expire after this long: 5s, uniform:1s..5s, or exp:5s by its mean",
             load::parse_hold, [&workload](auto const& ttl) { workload.ttl = ttl; })
      ->type_name("TTL");
  add_parsed(app, "--ttl-share", "The share of the puts that expire, such as 10%; default 100%", parse_share,
             [&workload](auto share) { workload.ttl_share = share; })
      ->type_name("SHARE");
  app.add_option("--seed", workload.seed, "The same seed draws the same requests")
      ->type_name("N")
      ->capture_default_str();
}

void add_open_loop(CLI::App& app, load::load_settings& settings) {
  auto* const rate = app.add_option_function<std::string>(
      "-r,--rate",
      [&settings](std::string const& text) {
        auto const parsed = load::parse_rate(text);
        if (!parsed) throw CLI::ValidationError("--rate", parsed.error().detail);
        settings.stages.assign(1, load::stage{{}, *parsed, *parsed});
      },
      "Open loop: requests start at this rate, whatever becomes of those before");
  rate->type_name("RATE");
  app.add_option_function<std::vector<std::string>>(
         "--stage",
         [&settings](std::vector<std::string> const& texts) {
           for (auto const& text : texts) {
             auto const parsed = load::parse_stage(text);
             if (!parsed) throw CLI::ValidationError("--stage", parsed.error().detail);
             settings.stages.push_back(*parsed);
           }
         },
         "Open loop in stages, one after another: 10s@1000/s, or a ramp, 10s@1000/s..5000/s")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)  // the word behind it may be the experiment
      ->type_name("STAGE")
      ->excludes(rate)
      ->excludes("--duration");
  app.add_option_function<std::string>(
         "--arrivals",
         [&settings](std::string const& kind) {
           settings.arrivals = kind == "poisson" ? load::arrivals::poisson : load::arrivals::constant;
         },
         "Of an open loop: constant, or poisson as of many independent users; default constant")
      ->check(CLI::IsMember({"constant", "poisson"}))
      ->type_name("KIND");
}

}  // namespace

void complete_load(CLI::App const& app, load::load_settings& settings) {
  auto const asking = settings.connections - load::watching(settings.workload.mix, settings.connections);
  settings.threads = std::min(settings.threads, asking);
  if (!settings.find_max.empty()) {
    if (app.count("--threshold") != 0)
      throw CLI::ValidationError("--threshold", "is of a single run; give it as another --find-max");
    if (settings.verify)
      throw CLI::ValidationError("--verify", "is of a single run; make one at the rate that --find-max finds");
    if (app.count("--duration") == 0) settings.duration = std::chrono::seconds(5);
    if (app.count("--warm-up") == 0) settings.warm_up = std::chrono::seconds(1);
    if (app.count("--rate") == 0) settings.stages.assign(1, load::stage{{}, 1000, 1000});
    settings.stages.front().duration = settings.duration;
  }
  if (app.count("--rate") != 0) settings.stages.front().duration = settings.duration;
  if (is_open_loop(settings)) settings.duration = load::length_of(settings.stages);
  if (app.count("--arrivals") != 0 && !is_open_loop(settings))
    throw CLI::ValidationError("--arrivals", "is of an open loop; add --rate or --stage");
  if (app.count("--hold-share") != 0 && !settings.workload.hold)
    throw CLI::ValidationError("--hold-share", "is of a hold; add --hold");
  if (app.count("--ttl-share") != 0 && !settings.workload.ttl)
    throw CLI::ValidationError("--ttl-share", "is of a ttl; add --ttl");
  if (settings.workload.mix.weight(load::action::watch) != 0 && settings.connections < 2)
    throw CLI::ValidationError("--mix",
                               "watches, which takes a connection of its own: ask for two --connections at least");
}

CLI::App* add_load(CLI::App& app, load_command& to) {
  auto& settings = to.settings;
  settings.threads = std::max(1U, std::thread::hardware_concurrency() / 2);

  auto* const load = app.add_subcommand("load", "Put the server under load and measure how it answers");
  load->add_option("EXPERIMENT", to.experiment_file,
                   "A TOML file with settings: these flags without their dashes; a flag given here wins over it")
      ->type_name("FILE");
  load->add_flag("--print-experiment", to.print_experiment,
                 "Print all settings as such a file instead of running, so that it can be kept");
  add_count(*load, "-c,--connections", "Connections", settings.connections, 1U, 100'000U);
  add_count(*load, "--pipeline", "Requests in flight on each connection", settings.pipeline, 1U, 1024U);
  add_duration(*load, "-d,--duration", "How long to measure; default 10s", [&settings](auto duration) {
    check_duration(duration);
    settings.duration = duration;
  });
  add_open_loop(*load, settings);
  add_workload(*load, settings.workload);
  add_duration(*load, "--warm-up", "Ask for this long before, without counting; default 0",
               [&settings](auto duration) { settings.warm_up = duration; });
  add_count(*load, "--threads", "Threads of this client; connections are dealt to them", settings.threads, 1U, 1024U);
  load->add_option("--server-pid", settings.server_pid,
                   "The server's process, when it runs on this machine: the report tells what a request costs it")
      ->check(CLI::PositiveNumber)
      ->type_name("PID");
  add_count(*load, "--runs", "Runs, one after another, into one report", settings.runs, 1U, 1000U);
  add_thresholds(*load, "--find-max",
                 "Search for the highest rate that holds this, such as 'p99<5ms'; more than one may be given",
                 settings.find_max)
      ->excludes("--stage")
      ->excludes("--runs");
  add_thresholds(*load, "--threshold",
                 "What the run is held to: 'p99<5ms', 'throughput>=1000/s', 'errors==0'; more than one may be given",
                 settings.thresholds);
  load->add_option_function<std::vector<std::string>>(
          "--json",
          [&settings](std::vector<std::string> const& file) {
            settings.json = true;
            if (file.empty() || file.front() == "-") return;
            if (file.front().ends_with(".toml"))
              throw CLI::ValidationError("--json", "would write over '" + file.front() +
                                                       "', which looks like an experiment; name that before --json");
            settings.json_file = file.front();
          },
          "Print the report as JSON; with a FILE, write it there and print the text")
      ->expected(0, 1)
      ->allow_extra_args(false)  // the word behind --json=FILE may be the experiment
      ->type_name("[FILE]");
  add_file(*load, "--csv", "Write a table there: a row for each second and operation, and the totals",
           settings.csv_file);
  add_file(*load, "--html", "Write a page there that shows the run: plots, percentiles, where the time went",
           settings.html_file);
  add_file(*load, "--hdr", "Write an interval log there that HdrHistogram's tools read (format 1.3)",
           settings.hdr_file);
  load->add_flag("--verify", settings.verify,
                 "Record every request and check afterwards that the answers were right: strictly serializable");
  add_duration(*load, "--verify-time", "How long that may take; default 1m",
               [&settings](auto duration) { settings.verify_time = duration; });
  load->add_flag("--keep-keys", settings.keep_keys, "Leave the keys in the server");
  load->add_flag("-q,--quiet", settings.quiet, "No progress, only the report");
  load->footer(footer);
  return load;
}

}  // namespace holdfast::client::cli
