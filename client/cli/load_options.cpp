#include <algorithm>
#include <charconv>
#include <thread>

#include "client/cli/options.hpp"
#include "client/load/workload.hpp"

namespace holdfast::client::cli {
namespace {

// The headings of the flags in the help.
constexpr auto how_long = "Amount and time";
constexpr auto what_asked = "Workload";
constexpr auto judged = "Checks";
constexpr auto reports = "Reports";

/// Parses `10%` or `0.1`.
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

void add_file(CLI::App& app, std::string const& flag, std::string const& what, std::string& path) {
  app.add_option(flag, path, what)
      ->check([](std::string const& given) { return given.empty() ? std::string("needs the name of a file") : ""; })
      ->type_name("FILE")
      ->group(reports);
}

void check_duration(std::chrono::nanoseconds duration) {
  if (duration.count() == 0) throw CLI::ValidationError("--duration", "is 0; a run takes some time, such as 10s");
}

/// Adds an option that `parse` parses, or rejects with a message that shows the correct format.
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
      ->allow_extra_args(false)  // the next word may be the experiment
      ->type_name("THRESHOLD")
      ->group(judged);
}

void add_workload(CLI::App& app, load::workload_settings& workload) {
  // Before --mix and --key-choice, which override it: CLI11 processes options in the order in which they were added.
  add_parsed(app, "--workload", "YCSB's a to f: a mix and a choice of keys", load::parse_workload,
             [&workload](auto const& standard) {
               workload.mix = standard.mix;
               workload.key_choice = standard.keys;
             })
      ->type_name("NAME")
      ->group(what_asked);
  add_parsed(app, "--mix", "Operations by shares", load::parse_mix,
             [&workload](auto const& mix) { workload.mix = mix; })
      ->type_name("MIX")
      ->default_str("get=90,put=10")
      ->group(what_asked);
  add_parsed(app, "--key-choice", "sequential, zipfian, scrambled, latest", load::parse_key_choice,
             [&workload](auto const& choice) { workload.key_choice = choice; })
      ->type_name("CHOICE")
      ->default_str("uniform")
      ->group(what_asked);
  add_count(app, "--keys", "Keys stored before the run", workload.keys, 1U, 10'000'000U)->group(what_asked);
  add_parsed(app, "--value-size", "Bytes of a value; also 64..4096, exp:256", load::parse_value_size,
             [&workload](auto const& size) { workload.value_bytes = size; })
      ->type_name("SIZE")
      ->default_str("64")
      ->group(what_asked);
  add_parsed(app, "--hold", "Keep the lock: 5ms, uniform:1ms..5ms, exp:5ms", load::parse_hold,
             [&workload](auto const& hold) { workload.hold = hold; })
      ->type_name("HOLD")
      ->group(what_asked);
  add_parsed(app, "--hold-share", "Share of the requests that hold, such as 10%", parse_share,
             [&workload](auto share) { workload.hold_share = share; })
      ->type_name("SHARE")
      ->group(what_asked);
  add_parsed(app, "--ttl", "Values expire: 5s, uniform:1s..5s, exp:5s", load::parse_hold,
             [&workload](auto const& ttl) { workload.ttl = ttl; })
      ->type_name("TTL")
      ->group(what_asked);
  add_parsed(app, "--ttl-share", "Share of the puts that expire, such as 10%", parse_share,
             [&workload](auto share) { workload.ttl_share = share; })
      ->type_name("SHARE")
      ->group(what_asked);
  add_count<std::uint64_t>(app, "--seed", "The same seed draws the same requests", workload.seed, 0,
                           std::numeric_limits<std::uint64_t>::max())
      ->group(what_asked);
}

void add_open_loop(CLI::App& app, load::load_settings& settings) {
  auto* const rate = app.add_option_function<std::string>(
      "-r,--rate",
      [&settings](std::string const& text) {
        auto const parsed = load::parse_rate(text);
        if (!parsed) throw CLI::ValidationError("--rate", parsed.error().detail);
        settings.stages.assign(1, load::stage{{}, *parsed, *parsed});
      },
      "Open loop: start requests at this rate");
  rate->type_name("RATE")->group(how_long);
  app.add_option_function<std::vector<std::string>>(
         "--stage",
         [&settings](std::vector<std::string> const& texts) {
           for (auto const& text : texts) {
             auto const parsed = load::parse_stage(text);
             if (!parsed) throw CLI::ValidationError("--stage", parsed.error().detail);
             settings.stages.push_back(*parsed);
           }
         },
         "Open loop: 10s@1000/s, or a ramp 10s@1/s..9/s")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)  // the next word may be the experiment
      ->type_name("STAGE")
      ->excludes(rate)
      ->excludes("--duration")
      ->group(how_long);
  app.add_option_function<std::string>(
         "--arrivals",
         [&settings](std::string const& kind) {
           settings.arrivals = kind == "poisson" ? load::arrivals::poisson : load::arrivals::constant;
         },
         "Open loop: constant or poisson")
      ->check(CLI::IsMember({"constant", "poisson"}))
      ->type_name("KIND")
      ->default_str("constant")
      ->group(how_long);
}

}  // namespace

void complete_load(CLI::App const& app, load::load_settings& settings) {
  auto const asking = settings.connections - load::watching(settings.workload.mix, settings.connections);
  settings.threads = std::min(settings.threads, asking);
  if (!settings.find_max.empty()) {
    if (app.count("--threshold") != 0)
      throw CLI::ValidationError("--threshold", "applies to a single run; give it as another --find-max");
    if (settings.verify)
      throw CLI::ValidationError("--verify", "applies to a single run; make one at the rate that --find-max finds");
    if (app.count("--duration") == 0) settings.duration = std::chrono::seconds(5);
    if (app.count("--warm-up") == 0) settings.warm_up = std::chrono::seconds(1);
    if (app.count("--rate") == 0) settings.stages.assign(1, load::stage{{}, 1000, 1000});
    settings.stages.front().duration = settings.duration;
  }
  if (app.count("--rate") != 0) settings.stages.front().duration = settings.duration;
  if (is_open_loop(settings)) settings.duration = load::length_of(settings.stages);
  if (app.count("--arrivals") != 0 && !is_open_loop(settings))
    throw CLI::ValidationError("--arrivals", "applies to an open loop; add --rate or --stage");
  if (app.count("--hold-share") != 0 && !settings.workload.hold)
    throw CLI::ValidationError("--hold-share", "applies to a hold; add --hold");
  if (app.count("--ttl-share") != 0 && !settings.workload.ttl)
    throw CLI::ValidationError("--ttl-share", "applies to a ttl; add --ttl");
  if (settings.workload.mix.weight(load::action::watch) != 0 && settings.connections < 2)
    throw CLI::ValidationError("--mix",
                               "watches, which takes a connection of its own: ask for two --connections at least");
}

CLI::App* add_load(CLI::App& app, load_command& to) {
  auto& settings = to.settings;
  settings.threads = std::max(1U, std::thread::hardware_concurrency() / 2);

  auto* const load = add_command(app, "load");
  load->add_option("EXPERIMENT", to.experiment_file, "A TOML file with settings named like these flags")
      ->type_name("FILE");
  add_count(*load, "-c,--connections", "Connections", settings.connections, 1U, 100'000U)->group(how_long);
  add_duration(*load, "-d,--duration", "Length of the measurement",
               [&settings](auto duration) {
                 check_duration(duration);
                 settings.duration = duration;
               })
      ->default_str("10s")
      ->group(how_long);
  add_open_loop(*load, settings);
  add_count(*load, "--pipeline", "Requests in flight on a connection", settings.pipeline, 1U, 1024U)->group(how_long);
  add_duration(*load, "--warm-up", "Send requests this long before measuring",
               [&settings](auto duration) { settings.warm_up = duration; })
      ->default_str("0")
      ->group(how_long);
  add_count(*load, "--threads", "Threads of this client", settings.threads, 1U, 1024U)->group(how_long);
  add_count(*load, "--runs", "Runs, one after another, in one report", settings.runs, 1U, 1000U)->group(how_long);
  add_workload(*load, settings.workload);
  load->add_flag("--keep-keys", settings.keep_keys, "Leave the keys in the server")->group(what_asked);
  add_thresholds(*load, "--find-max", "Find the highest rate within 'p99<5ms'", settings.find_max)
      ->excludes("--stage")
      ->excludes("--runs");
  add_thresholds(*load, "--threshold", "'p99<5ms', 'throughput>=1000/s', 'errors==0'", settings.thresholds);
  load->add_flag("--verify", settings.verify, "Check afterwards that the answers were right")->group(judged);
  add_duration(*load, "--verify-time", "Time limit for --verify",
               [&settings](auto duration) { settings.verify_time = duration; })
      ->default_str("1m")
      ->group(judged);
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
          "Print JSON; with FILE, write it there")
      ->expected(0, 1)
      ->allow_extra_args(false)  // the word after --json=FILE may be the experiment
      ->type_name("FILE")
      ->group(reports);
  add_file(*load, "--csv", "Write a table: rows by second and operation", settings.csv_file);
  add_file(*load, "--html", "Write a page with plots", settings.html_file);
  add_file(*load, "--hdr", "Write a log for HdrHistogram's tools", settings.hdr_file);
  add_number<int>(*load, "--server-pid", "Also measure CPU per request of this process", 1,
                  std::numeric_limits<int>::max(), [&settings](int pid) { settings.server_pid = pid; })
      ->type_name("PID")
      ->group(reports);
  load->add_flag("--print-experiment", to.print_experiment, "Print all settings as an experiment and exit")
      ->group(reports);
  load->add_flag("-q,--quiet", settings.quiet, "No progress, only the report")->group(reports);
  return load;
}

}  // namespace holdfast::client::cli
