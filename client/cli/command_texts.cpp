#include "client/cli/command_texts.hpp"

#include <algorithm>
#include <stdexcept>

namespace holdfast::client::cli {
namespace {

constexpr auto values = "Values";
constexpr auto many_keys = "Many keys";
constexpr auto the_lock = "The lock";
constexpr auto named_locks = "Named locks";
constexpr auto load_tests = "Load tests";
constexpr auto help = "Help";

constexpr auto load_details =
    R"(By default, each connection sends its next request as soon as the last one is answered (closed loop). With --rate or --stage, requests start on a schedule (open loop), and latency counts from when a request was due, so that a stall shows in full.
The run stores its keys first, under a prefix of its own, and removes them at the end. Progress goes to standard error, the report to standard output. Without --timeout, the limit for a request is 30 s plus the holds of all connections.
Ctrl-C ends the run with a report; a second Ctrl-C ends it at once.

An experiment is a TOML file with one setting on each line, such as mix = "get=80,put=20", keys = 1000 or threshold = ["p99<5ms"]. Settings have the names of their flags. A flag on the command line overrides the file.

Exit status: with --threshold, 0 if all were met and 4 if one was broken; errors count only if a threshold names them. With --verify, 5 if an answer was wrong or the lock was granted out of order, and 6 if this could not be decided.

Workloads are those of YCSB: a (half gets, half puts), b (95 % gets), c (gets alone), d (95 % gets of the latest keys, 5 % inserts), e (95 % lists of up to 100 keys, 5 % inserts), f (half gets, half read-modify-writes). A mix has get, put, insert, delete; rmw (read-modify-write: a get, then a put of the same key on the same connection); cas (the same, if the key has not changed); create (a put if the key has no value); list; txn (reads two keys at once, then writes one or both if neither has changed); incr (adds 1 to a counter); and watch: this share of the connections sends no requests, but watches all keys of the run and checks that each change arrives once and in order. If values are deleted or expire, a missing key is no error. Keys are chosen uniform, sequential, zipfian (key 0 most often), scrambled (as zipfian, but the popular keys lie anywhere) or latest (the newer the more often), the last three optionally with a constant: zipfian:0.99.

--find-max doubles the rate from --rate (1000/s) until a probe breaks a limit twice, narrows the gap down to 5 %, and confirms the result for three times --duration (5s). If the client can't keep up, it says so and claims no more than it has measured.

Thresholds are a metric (p50, p90, p99, p99.9, max, mean, throughput, errors), a relation (<, <=, >, >=, ==) and a limit.

JSON: settings, started_at, elapsed_ms, interrupted, throughput_per_s, latency_ms {all and each operation: {count, mean, min, p50, p90, p99, p99_9, max}}, open_loop {asked_per_s, started_per_s, found_no_connection, late_share, late_ms, since_sent_ms}, split {before_sending_ms, wait_ms, hold_ms, disk_ms, rest_ms: as latency_ms, and share; answers, without_timing, implausible_timing}, statuses [{operation, status, count, success, reason, latency_ms}], errors {total, kinds}, unfinished {count, oldest_ms}, reconnects, client {cpu_ms, cpu_us_per_request, busy_share, starved_share, was_the_limit}, server {pid, name, cpu_ms, cpu_us_per_request, cores} or null, find_max {rate_per_s, confirmed, bounded_by, limits, probes} or null, thresholds [{threshold, held, measured}], verification {verdict, operations, violations, lock_order, and more} or null, curve_ms {all and each operation, since_sent: [[share, ms]]}, seconds [{second, length_ms, answers, errors, mean_ms, p50_ms, p90_ms, p99_ms, p99_9_ms, max_ms, wait_share, split_ms, since_sent_p99_ms, operations, statuses}]. With --runs: {version, runs: [as above]}. Durations are milliseconds, shares 0 to 1; null means not measured.

CSV: a row for each run, second and operation, and the totals: run, second, operation, length_s, answers, errors, throughput_per_s, mean_ms, p50_ms, p90_ms, p99_ms, p99_9_ms, max_ms, and of all operations together before_sending_ms, wait_ms, hold_ms, disk_ms, rest_ms (means), of the totals also client_cpu_us, server_cpu_us (a request). An empty field was not measured.)";

std::vector<command_text> make_texts() {
  std::vector<command_text> texts;
  texts.push_back({"",
                   {},
                   "",
                   "The command line client of Holdfast, a key-value server that shows its lock.",
                   {{R"(holdfast put greeting '"hello"')", "store a JSON value under a key"},
                    {"holdfast get greeting", "print it"},
                    {"holdfast lock top", "who holds the lock, who waits"}},
                   R"(Durations are a number and a unit: 250us, 350ms, 1s, 1.5s, 2m, 1h; 0 needs none.
Flags may come before or after the arguments; --server and --timeout also before the command. A negative number is an argument. Write -- before any other argument that starts with a dash.

Without --server, HOLDFAST_URL names the server. With several servers (repeat --server, or separate them by commas), the next one is asked if one can't be reached, does not answer, is stopping or does not lead. If no answer came, the next one is asked only if repeating the command is safe: a read, or with a condition, an idempotency key or a named lock. Otherwise the command ends with "whether it was done is not known".
The certificate of an https:// server is checked against the system's authorities, or those of --ca-cert (HOLDFAST_CA_CERT). HOLDFAST_CLIENT_CERT and HOLDFAST_CLIENT_KEY set the client's own certificate. --insecure accepts any certificate, so anybody between client and server can read and change everything.
Without --token-file, HOLDFAST_TOKEN contains the token. No flag takes a token itself, because ps shows flags to everybody.)"});

  texts.push_back(
      {"get",
       {},
       values,
       "Print the value of a key",
       {{"holdfast get my-key", ""},
        {"holdfast get my-key --hold 500ms -i", "hold the lock, show the timing"},
        {"holdfast get config/app --lock-timeout 0", "only if the lock is free"},
        {"holdfast get job --wait 30s", "as soon as it exists, for at most 30 s"},
        {"holdfast get job --wait 30s --if-none-match 3f2a-17", "as soon as it differs from that"}},
       "The value is printed byte for byte as it was stored. On a terminal, a line feed is added unless the "
       "value ends with one."});
  texts.push_back({"put",
                   {},
                   values,
                   "Store a JSON value under a key",
                   {{R"(holdfast put greeting '"hello"')", "a JSON string needs its quotes"},
                    {"holdfast put backup --file backup.json", ""},
                    {"jq .limits config.json | holdfast put limits", ""},
                    {"holdfast put session/7 1 --ttl 15m", "it expires"},
                    {"holdfast put leader '\"me\"' --create", "only if it does not exist"},
                    {"holdfast put limits '{\"cpu\":3}' --if-match 3f2a-17", "only if it is unchanged"},
                    {"holdfast put temperature -5", ""}},
                   "`get -i` prints the entity tag of a value as etag; its quotes are optional. Without --ttl the key "
                   "does not expire."});
  texts.push_back({"del",
                   {"delete", "rm"},
                   values,
                   "Remove a key",
                   {{"holdfast del greeting", ""},
                    {"holdfast del greeting || echo \"it was not there\"", ""},
                    {"holdfast del --prefix tmp/", "all keys that begin with this"}},
                   "With --prefix, keys are removed a thousand at a time, each thousand under one acquisition of the "
                   "lock, and the number of removed keys is printed. With --idempotency-key K, the later ones have the "
                   "keys K-2, K-3 and so on."});
  texts.push_back({"patch",
                   {},
                   values,
                   "Change a part of a value",
                   {{R"(holdfast patch user/7 '{"mail":null}')", "a merge patch: removes the member"},
                    {R"(holdfast patch list '[{"op":"add","path":"/-","value":1}]')", "JSON Patch"},
                    {"holdfast patch user/7 --file change.json --print", "and prints the new value"}},
                   "An object is a merge patch (RFC 7396), an array a JSON Patch (RFC 6902); with --merge "
                   "every value is a merge patch."});
  texts.push_back({"incr",
                   {},
                   values,
                   "Add to a number and print the new one",
                   {{"holdfast incr visits", ""},
                    {"holdfast incr stock -3 --min 0", "refused when fewer are left"},
                    {"holdfast incr rate/10.0.0.7 --max 100 --ttl 1m", "a rate limiter"}},
                   "An absent key is created with --initial (default 0) plus BY. --ttl applies only to a key that is "
                   "created."});
  texts.push_back(
      {"touch",
       {},
       values,
       "Set when a key expires",
       {{"holdfast touch session/7 --ttl 15m", ""}, {"holdfast touch session/7 --ttl none", "it no longer expires"}},
       "The value and the revision do not change, and watchers get no event."});

  texts.push_back({"list",
                   {"ls"},
                   many_keys,
                   "List keys, or groups of keys, in order",
                   {{"holdfast ls users/", "all keys that begin with this"},
                    {"holdfast ls / --long", "with revision, size and time to live"},
                    {"holdfast ls --delimiter /", "top level: names up to the first slash"},
                    {"holdfast ls users/ --values --json | jq .value", "one object on each line"}},
                   "Keys are read page by page; each page is consistent by itself. With --json, each line is {\"key\", "
                   "\"revision\", "
                   "\"bytes\", \"ttl\", \"value\"} or {\"group\"}."});
  texts.push_back(
      {"txn",
       {},
       many_keys,
       "Do several operations together, or none of them",
       {{"holdfast txn move.json", ""}, {R"(echo '{"operations":[{"increment":"n","by":5}]}' | holdfast txn)", ""}},
       R"(FILE has {"checks":[…],"operations":[…]}. Checks: {"key":"a","etag":"…"}, {"key":"b","exists":false}, {"key":"c","value":1}. Operations: {"get":"a"}, {"put":"b","value":1,"ttl":"30s"}, {"delete":"c"}, {"increment":"n","by":5}, {"patch":"d","merge":{…}} or {"patch":"d","json":[…]}, {"touch":"d","ttl":"none"}, {"list":"users/","limit":10}. The answer is {"revision":…,"results":[…]}. If a check fails, nothing changes, the exit status is 8, and the server's answer is printed on standard error.)"});
  texts.push_back({"watch",
                   {},
                   many_keys,
                   "Print changes of keys as they happen",
                   {{"holdfast watch users/", "changes of keys that begin with this"},
                    {"holdfast watch --key job --initial", "the present value, then each change"},
                    {"holdfast watch --json | jq -c 'select(.event == \"put\") | .key'", ""},
                    {"holdfast watch users/ -n 1", "waits for one change"}},
                   "It resumes by itself when the connection breaks or the server restarts, and says so on standard "
                   "error. If changes are no longer available, it prints a line `lost`; with --initial the present "
                   "keys follow again. With --json, each line is {\"event\", \"id\", \"key\", \"revision\", "
                   "\"previous\", \"value\", \"ttl\"}; events are put, delete, expire, live, lost."});
  texts.push_back(
      {"export",
       {},
       many_keys,
       "Write all keys and values as lines of JSON",
       {{"holdfast export > backup.ndjson", ""},
        {"holdfast export users/ | jq -r 'select(.key) | .key'", ""},
        {"holdfast export | holdfast --server other:8080 import", ""}},
       "Lines are {\"key\", \"value\", \"revision\", \"ttl\"}. Changes made during the export follow, a removal as "
       "{\"key\", \"deleted\", \"revision\"}. The last line for a key counts. The last line of all is {\"end\", "
       "\"revision\", \"entries\", \"crc32c\"}. The exit status of an incomplete export is 3."});
  texts.push_back({"import",
                   {},
                   many_keys,
                   "Read what export wrote, and store it",
                   {{"holdfast import backup.ndjson", ""},
                    {"holdfast import backup.ndjson --if-exists skip", "keep existing keys"}},
                   "The counts are printed as JSON. If a line is refused, the exit status is 1, and standard error "
                   "names the line and the number of lines stored before it."});

  texts.push_back({"lock",
                   {},
                   the_lock,
                   "Watch the server's lock: who holds it, who waits, and behind whom",
                   {{"holdfast lock top", "who holds, who waits, who caused the waits"},
                    {"holdfast lock events", "a line for each request"},
                    {"holdfast lock events --json | jq -c 'select(.position > 3)'", ""}},
                   "The server's page at / draws the same."});
  texts.push_back({"lock events",
                   {},
                   the_lock,
                   "Print what happens to the lock, as it happens",
                   {{"holdfast lock events", "how long each waited, held, behind whom"},
                    {"holdfast lock events --json | jq -c 'select(.position > 3)'", ""},
                    {"holdfast lock events -n 10", "ends after ten lines"}},
                   "It resumes by itself when the connection breaks or the server restarts, and says so on standard "
                   "error. When it ends, it prints the --from to resume with."});
  texts.push_back(
      {"lock top",
       {},
       the_lock,
       "Show continuously who holds, who waits and who caused the waits",
       {{"holdfast lock top", ""}, {"holdfast lock top -n 1", "once"}, {"holdfast lock top --interval 2s", ""}},
       "After a restart of the server, counting starts again, and it says so."});

  texts.push_back(
      {"with-lock",
       {},
       named_locks,
       "Run a command while holding a named lock",
       {{"holdfast with-lock deploy -- ./deploy.sh", "waits for the lock"},
        {"holdfast with-lock cron --no-wait -- ./job.sh", "status 75 if it already runs"},
        {"holdfast with-lock deploy --wait 5m --lease 30s -- make deploy", ""}},
       "The exit status is that of the command, 75 if the lock was not acquired in time, or 74 if it was lost. "
       "The lock is renewed every third of the lease. If this fails for three quarters of a lease, or the server "
       "reports that the lock is lost, the command and its process group are ended, so that it never runs "
       "together with the next holder. A signal ends the wait; later, signals are passed to the command. Its "
       "environment contains HOLDFAST_LOCK, HOLDFAST_LOCK_TOKEN and HOLDFAST_LOCK_TICKET. With -H "
       "\"Holdfast-Lock: $HOLDFAST_LOCK;token=$HOLDFAST_LOCK_TOKEN\" it can fence its writes."});
  texts.push_back({"locks",
                   {},
                   named_locks,
                   "Show named locks, with holders and waiters",
                   {{"holdfast locks", "all held locks"},
                    {"holdfast locks deploy", "one, with its queue"},
                    {"holdfast locks --prefix jobs/ --json | jq -r .name", ""}},
                   ""});

  texts.push_back(
      {"load",
       {},
       load_tests,
       "Put the server under load and measure how it answers",
       {{"holdfast load -c 64 -d 5s", "64 connections"},
        {"holdfast load -r 5000/s --warm-up 2s", "a rate: latency since due"},
        {"holdfast load --find-max 'p99<5ms'", "the highest rate that holds it"},
        {"holdfast load --stage 10s@1000/s --stage 30s@1000/s..5000/s", ""},
        {"holdfast load --workload b --keys 100000 --threads 2", ""},
        {"holdfast load --mix get=80,put=15,delete=5 --key-choice zipfian:0.99 --value-size 64..4096", ""},
        {"holdfast load -c 4 --hold 10ms", "watch the lock wait grow"},
        {"holdfast load --hold exp:5ms --hold-share 10%", ""},
        {"holdfast load -r 1000/s --threshold 'p99<5ms' --threshold 'errors==0'", ""},
        {"holdfast load --verify --mix get=60,put=30,delete=10 --keys 100", "proves that answers are right"},
        {"holdfast load --verify --mix txn=40,list=20,cas=20,get=20,watch=5 --keys 100", ""},
        {"holdfast load --verify --mix get=50,put=50 --ttl exp:5s --ttl-share 10%", "some values expire"},
        {"holdfast load --server-pid $(pidof holdfast-server)", "what a request costs the server"},
        {"holdfast load --json | jq .latency_ms.all.p99", ""},
        {"holdfast load -r 2000/s --html report.html", ""},
        {"holdfast load --workload a -r 5000/s --print-experiment > experiment.toml", ""},
        {"holdfast load experiment.toml -d 1m", ""},
        {"holdfast load --runs 5 --json runs.json --csv runs.csv --hdr runs.hlog", ""}},
       load_details});
  texts.push_back({"compare",
                   {},
                   load_tests,
                   "Show whether two load experiments really differ, and by how much",
                   {{"holdfast compare before.json after.json", ""},
                    {"holdfast compare before.json after.json --fail-if 'p99>+5%'", ""},
                    {"holdfast compare before.json after.json --html comparison.html", ""},
                    {"holdfast load --runs 10 --json before.json", "creates such a file"}},
                   R"(Figures: throughput, p50, p90, p99, p99.9, mean, cpu (the client's, a request), errors.
Ten runs on each side are good. With fewer than six, no difference among all eight figures can be significant; for a single limit four suffice. A difference is real if p is at most 5 % (exact Mann-Whitney test) after Holm's correction over all figures, or for a limit over the figures that limits name. A limit is broken if the difference is real and its estimate is beyond the limit. A figure that can't be judged breaks no limit.)"});

  texts.push_back({"help",
                   {},
                   help,
                   "Show everything about a command",
                   {{"holdfast help load", ""}, {"holdfast help lock top", ""}},
                   ""});
  texts.push_back({"completion",
                   {},
                   help,
                   "Print a script by which a shell completes holdfast",
                   {{"source <(holdfast completion bash)", "in ~/.bashrc; zsh: in ~/.zshrc after compinit"},
                    {"holdfast completion fish > ~/.config/fish/completions/holdfast.fish", ""}},
                   "The packages install these scripts."});
  texts.push_back({"man", {}, help, "Print the manual page", {{"holdfast man | man -l -", ""}}, ""});
  texts.push_back({"version", {}, help, "Print the version", {}, ""});
  return texts;
}

}  // namespace

std::vector<command_text> const& command_texts() {
  static auto const all = make_texts();
  return all;
}

command_text const& text_of_command(std::string_view path) {
  auto const found = std::ranges::find(command_texts(), path, &command_text::path);
  if (found == command_texts().end()) throw std::logic_error("no text for the command '" + std::string(path) + "'");
  return *found;
}

}  // namespace holdfast::client::cli
