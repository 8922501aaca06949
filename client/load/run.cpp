#include "client/load/run.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_signal_set.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <future>
#include <map>
#include <optional>
#include <thread>

#include "client/load/driver.hpp"
#include "client/load/key_space.hpp"
#include "client/load/process_clock.hpp"
#include "client/load/server_watch.hpp"
#include "client/load/verify/verification.hpp"
#include "client/load/watch_pool.hpp"

namespace holdfast::client::load {
namespace {

constexpr int interrupted_status = 128 + SIGINT;
constexpr auto progress_period = std::chrono::milliseconds(250);
constexpr auto settle_period = std::chrono::milliseconds(20);
constexpr auto settle_time_max = std::chrono::seconds(5);

/// Raises the limit on descriptors: each connection needs one, and the usual soft limit is 1024.
/// @return an error message; empty on success
std::string allow_descriptors(unsigned connections) {
  constexpr rlim_t others = 64;
  auto const needed = connections + others;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return {};
  auto const most = limit.rlim_max;
  limit.rlim_cur = std::min(needed, most);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (most >= needed) return {};
  return std::to_string(connections) + " connections need " + std::to_string(needed) +
         " file descriptors, and this process may open " + std::to_string(most) +
         "; ask for fewer --connections, or raise the limit (ulimit -Hn)";
}

/// One run, from the first connection to the report. Everything except the drivers runs on the calling thread.
class load_run {
 public:
  load_run(load_settings const& settings, progress& progress)
      : settings_(settings),
        progress_(progress),
        row_detail_(settings.hdr_file.empty() ? row_detail::figures : row_detail::histograms),
        signals_(context_.get_executor()),
        keys_(context_.get_executor(), settings),
        all_ended_(context_.get_executor(), clock::time_point::max()) {}

  result<load_report> run() {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    signals_.add(SIGHUP);
    await_signal();
    std::optional<result<load_report>> outcome;
    boost::asio::co_spawn(context_, measure(), [&](std::exception_ptr thrown, result<load_report> done) {
      if (thrown) std::rethrow_exception(thrown);
      outcome = std::move(done);
      context_.stop();  // whatever a server is still being asked
    });
    context_.run();
    return std::move(outcome.value());
  }

 private:
  /// A driver and its thread.
  struct driver_thread {
    driver_thread(driver_settings settings, driver::deliver_interval deliver)
        : driver(std::move(settings), std::move(deliver)) {}
    load::driver driver;
    std::thread thread;
    driver_end end;
    std::exception_ptr thrown;
  };

  template <class Work>
  static void attempt(driver_thread& worker, Work work) {
    try {
      work();
    } catch (...) {
      worker.thrown = std::current_exception();
    }
  }

  void await_signal() {
    signals_.async_wait([this](boost::system::error_code failed, int) {
      if (failed) return;
      if (interrupted_) std::_Exit(interrupted_status);
      interrupted_ = true;
      keys_.stop();
      for (auto& worker : workers_) worker->driver.stop();
      await_signal();
    });
  }

  awaitable<result<load_report>> measure() {
    std::vector<boost::asio::ip::tcp::endpoint> addresses;
    std::size_t first_server = 0;
    auto const servers = servers_of(settings_.connection.server);
    for (auto const& server : servers) {
      auto found = co_await look_up(context_.get_executor(), server);
      if (!found) co_return found.error();
      addresses.push_back(found->front());
    }
    {
      connection probe(context_.get_executor(), settings_.connection);
      if (auto reached = co_await probe.connect(); !reached) co_return reached.error();
      if (servers.size() > 1 && !settings_.connection.request_timeout) {
        server_watch_.emplace(context_.get_executor(), servers);
        // One that accepts connections may yet be silent; then this goes on at the next.
        auto const lives = co_await probe.fetch("/livez");
        if (!lives && !lives.error().refused) co_return lives.error();
      }
      first_server = static_cast<std::size_t>(std::ranges::find(servers, probe.server()) - servers.begin());
      addresses[first_server] = probe.peer();
    }
    if (settings_.verify) keys_.note_values(first_values_, first_revisions_);
    key_space::report_progress loading = [this](auto done) { progress_.loading(done, settings_.workload.keys); };
    auto storing = keys_.store(std::move(loading));
    auto stored = co_await std::move(storing);
    load_report report;
    report.settings = settings_;
    report.key_prefix = keys_.prefix();
    if (stored && !interrupted_) {
      start_watchers();
      co_await drive(addresses, first_server, report);
      co_await end_watchers(report);
    }
    report.interrupted = interrupted_;
    // Remove the stored keys even after an error.
    if (!settings_.keep_keys) {
      if (auto const left = co_await keys_.remove(inserted_); left != 0)
        progress_.note(std::to_string(left) + " keys under '" + keys_.prefix() + "' could not be removed");
    }
    progress_.end();
    if (!stored) co_return stored.error();
    if (!recorders_.empty()) co_await verify(report);
    co_return report;
  }

  [[nodiscard]] unsigned watchers() const { return watching(settings_.workload.mix, settings_.connections); }

  void start_watchers() {
    if (watchers() == 0) return;
    watchers_ = std::make_unique<watch_pool>(watch_pool::settings{.server = settings_.connection.server,
                                                                  .prefix = keys_.prefix(),
                                                                  .from = keys_.stored_revision(),
                                                                  .watchers = watchers(),
                                                                  .keeps_events = settings_.verify});
  }

  /// Gives the watchers time to receive all events, and stops them before the keys are removed.
  awaitable<void> end_watchers(load_report& report) {
    if (watchers_ == nullptr) co_return;
    auto const limit = clock::now() + settle_time_max;
    while (!watchers_->is_settled() && clock::now() < limit) {
      all_ended_.expires_after(settle_period);
      co_await all_ended_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<executor>()));
    }
    auto const settled = watchers_->is_settled();
    auto watched = watchers_->finish();
    watched.is_settled = settled;
    report.watched = std::make_shared<watch_report const>(std::move(watched));
    watchers_.reset();
  }

  awaitable<void> drive(std::vector<boost::asio::ip::tcp::endpoint> const& addresses, std::size_t first_server,
                        load_report& report) {
    std::promise<time_point> start;
    auto const started = start.get_future().share();
    unsigned first_connection = 0;
    auto const server_clock = settings_.server_pid ? process_clock::of(*settings_.server_pid) : std::nullopt;
    auto const connections = settings_.connections - watchers();
    for (unsigned i = 0; i < settings_.threads; ++i) {
      if (settings_.verify)
        recorders_.push_back(std::make_unique<verify::recorder>(verify::requests_max / settings_.threads));
      auto const share = connections / settings_.threads + (i < connections % settings_.threads);
      workers_.push_back(std::make_unique<driver_thread>(
          driver_settings{.run = &settings_,
                          .addresses = addresses,
                          .first_server = first_server,
                          .key_prefix = keys_.prefix(),
                          .thread = i,
                          .connections = share,
                          .database = keys_.database(),
                          .record = settings_.verify ? recorders_.back().get() : nullptr,
                          .first_connection = first_connection,
                          .server_clock = server_clock && i == 0 ? &*server_clock : nullptr,
                          .servers = server_watch_ ? &*server_watch_ : nullptr},
          [this](interval done) {
            // std::function requires copyable functions, post() does not.
            boost::asio::post(context_, [this, done = std::move(done)] { collect(done); });
          }));
      first_connection += share;
    }
    preparing_ = running_ = settings_.threads;
    for (auto& worker : workers_) {
      worker->thread = std::thread([this, &worker = *worker, started] {
        attempt(worker, [&] { worker.driver.prepare(); });
        boost::asio::post(context_, [this] { step(preparing_); });
        if (!worker.thrown) attempt(worker, [&] { worker.end = worker.driver.run(started.get()); });
        boost::asio::post(context_, [this] { step(running_); });
      });
    }
    co_await until_zero(preparing_);
    report.started_at = std::chrono::system_clock::now();
    auto began = clock::now();
    start.set_value(began);
    began += settings_.warm_up;
    while (running_ != 0) {
      progress_.at(clock::now() - began);
      all_ended_.expires_after(progress_period);
      co_await all_ended_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<executor>()));
    }
    for (auto& worker : workers_) worker->thread.join();
    for (auto& worker : workers_) {
      if (worker->thrown) std::rethrow_exception(worker->thrown);
      report.elapsed = std::max<nanoseconds>(report.elapsed, worker->end.at - began);
      report.unfinished += worker->end.unfinished;
      report.oldest_unfinished = std::max(report.oldest_unfinished, worker->end.oldest_unfinished);
      report.cpu += worker->end.cpu;
      report.starved += worker->end.starved;
      inserted_ = std::max(inserted_, worker->end.inserted * settings_.threads);
    }
    if (settings_.server_pid)
      report.server = server_process{.pid = *settings_.server_pid,
                                     .name = server_clock ? server_clock->name() : std::string(),
                                     .cpu = workers_.front()->end.server_cpu};
    workers_.clear();
    for (auto const& [second, open] : open_seconds_) rows_.push_back(summarize(second, open.measured, row_detail_));
    report.seconds = std::move(rows_);
    report.total = std::move(total_);
  }

  /// Runs on a thread of its own, so that a signal can still end the process.
  awaitable<void> verify(load_report& report) {
    verify::verification verified;
    std::exception_ptr thrown;
    unsigned verifying = 1;
    std::thread thread([&] {
      try {
        verified = verify::verify_run({.threads = recorders_,
                                       .first_values = first_values_,
                                       .first_revisions = first_revisions_,
                                       .watched = report.watched.get(),
                                       .first_watcher = settings_.connections - watchers(),
                                       .time_max = settings_.verify_time});
      } catch (...) {
        thrown = std::current_exception();
      }
      boost::asio::post(context_, [this, &verifying] { step(verifying); });
    });
    co_await until_zero(verifying);
    thread.join();
    if (thrown) std::rethrow_exception(thrown);
    report.verified = std::make_shared<verify::verification const>(std::move(verified));
    recorders_.clear();
  }

  void step(unsigned& count) {
    --count;
    all_ended_.cancel();
  }

  awaitable<void> until_zero(unsigned const& count) {
    while (count != 0) {
      all_ended_.expires_at(clock::time_point::max());
      co_await all_ended_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<executor>()));
    }
  }

  void collect(interval const& part) {
    total_.merge(*part.measured);
    auto& open = open_seconds_[part.second];
    open.measured.merge(*part.measured);
    // The last second has a different length; only the final report contains it.
    auto const whole = std::chrono::seconds(part.second + 1) <= settings_.duration && !interrupted_;
    if (++open.parts < settings_.threads || !whole) return;
    rows_.push_back(summarize(part.second, open.measured, row_detail_));
    open_seconds_.erase(part.second);
    progress_.measuring(rows_.back(), settings_.duration);
  }

  /// A second for which not all drivers have reported yet.
  struct open_second {
    measurements measured;
    unsigned parts = 0;
  };

  load_settings const& settings_;
  progress& progress_;
  row_detail row_detail_;
  std::optional<server_watch> server_watch_;  ///< with several servers, unless --timeout says how long to wait
  boost::asio::io_context context_{1};
  boost::asio::basic_signal_set<executor> signals_;
  key_space keys_;
  boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>, executor> all_ended_;
  std::vector<std::unique_ptr<driver_thread>> workers_;
  unsigned preparing_ = 0;
  unsigned running_ = 0;
  std::vector<std::unique_ptr<verify::recorder>> recorders_;  ///< one per thread, with --verify
  std::vector<std::uint64_t> first_values_;                   ///< by key
  std::vector<std::uint64_t> first_revisions_;                ///< by key
  std::unique_ptr<watch_pool> watchers_;
  std::map<std::uint32_t, open_second> open_seconds_;
  std::vector<second_row> rows_;
  measurements total_;
  std::uint32_t inserted_ = 0;  ///< number of keys after the run's own that its inserts may have created
  bool interrupted_ = false;
};

}  // namespace

result<load_report> run_load(load_settings const& settings, progress& progress) {
  if (auto missing = allow_descriptors(settings.connections); !missing.empty())
    return error{error_kind::invalid_request, std::move(missing), {}};
  load_run run(settings, progress);
  return run.run();
}

}  // namespace holdfast::client::load
