#include "server/app/server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <filesystem>
#include <random>

#include "protocol/duration.hpp"
#include "server/api/api_handler.hpp"
#include "server/api/routes.hpp"
#include "server/app/data_commands.hpp"
#include "server/app/memory_limit.hpp"
#include "server/forward/forwarded_client.hpp"
#include "server/forward/forwarder.hpp"
#include "server/http/reply.hpp"
#include "server/journal/rocksdb_journal.hpp"
#include "server/log/log.hpp"

namespace holdfast::server {
namespace {

/// The share of the memory for requests in progress. The rest is for the data. Fixed shares, so that neither starves
/// the other.
std::uint64_t under_way_share(std::uint64_t memory_bytes_max) {
  return memory_bytes_max / 4;
}

std::unique_ptr<journal> open_journal(settings const& given) {
  if (given.data_directory.empty()) return nullptr;
  return std::make_unique<rocksdb_journal>(
      rocksdb_settings{.directory = given.data_directory, .sync = given.sync, .accept_loss = given.accept_loss});
}

/// ./holdfast-data-backups for ./holdfast-data.
std::filesystem::path beside(std::filesystem::path data) {
  if (!data.has_filename()) data = data.parent_path();
  return data += "-backups";
}

asio::ip::tcp::endpoint endpoint_of(settings const& given) {
  return {asio::ip::make_address(given.listen_address), given.listen_port};
}

settings with_defaults(settings given) {
  if (given.memory_bytes_max == 0) given.memory_bytes_max = default_memory_bytes_max();
  boost::system::error_code error;
  auto const address = asio::ip::make_address(given.listen_address, error);
  // With tokens, no check of Host is needed on loopback: a foreign page has no token.
  given.routes.is_on_loopback = !error && address.is_loopback() && given.access.tokens_file.empty();
  return given;
}

/// The response to a connection over the limit.
std::string refusal() {
  auto const answer = reply_to(protocol::failure{protocol::errc::too_many_connections,
                                                 "the server has as many connections as --max-connections allows, or "
                                                 "this address as many as --limit-connections; retry"});
  std::string text;
  append_head(text, answer, {.head_only = false, .close = true, .http11 = true});
  text += answer.content();
  return text;
}

/// After the drain time-out, aborted requests have this long to send their response.
constexpr std::chrono::milliseconds hurry_time{250};

/// Interval between checks of the certificate's files for changes.
constexpr std::chrono::seconds tls_look_period{2};

std::uint64_t random_start() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

/// True for requests that a standby answers itself: those about the server, and the page's files.
bool is_answered_by_standby(request_head const& head) {
  switch (kind_of(head)) {
    case route_kind::livez:
    case route_kind::readyz:
    case route_kind::version:
    case route_kind::metrics:
    case route_kind::openapi:
    case route_kind::page:
    case route_kind::other:
      return true;
    default:
      return false;
  }
}

std::string what(std::exception_ptr const& error) {
  try {
    std::rethrow_exception(error);
  } catch (std::exception const& exception) {
    return exception.what();
  }
}

}  // namespace

server::server(settings settings) : server(settings, open_journal(settings)) {}

server::server(settings settings, std::unique_ptr<journal> kept, cluster_part part)
    : settings_(with_defaults(std::move(settings))),
      part_(std::move(part)),
      fixed_{.writer_key = settings_.writer_key,
             .threads = settings_.threads,
             .waiters_max = settings_.waiters_max,
             .connections_max = settings_.connections_max,
             .memory_bytes_max = settings_.memory_bytes_max},
      insight_(settings_.threads, random_start()),
      live_(settings_.live_settings, settings_.routes.read_hold, settings_.writer_period),
      journal_(std::move(kept)),
      store_(settings_.waiters_max, data_share(settings_), insight_.start),
      under_way_(under_way_share(settings_.memory_bytes_max)),
      // Whoever connects can use it, also without a token, so the rest is kept for requests.
      buffers_(under_way_.bytes_max() / 2, &under_way_),
      access_(settings_.access.is_used() ? std::make_unique<access_control>(settings_.access) : nullptr),
      connections_of_(settings_.access.connections_max),
      tls_(part_.view != nullptr               ? part_.tls
           : settings_.tls.certificate.empty() ? nullptr
                                               : std::make_shared<tls_certificates>(settings_.tls)),
      context_{.routes = settings_.routes,
               .fixed = fixed_,
               .store = store_,
               .insight = insight_,
               .live = live_,
               .under_way = under_way_,
               .connections = connections_,
               .draining = draining_,
               .value_bytes_max = settings_.sessions.body_bytes_max,
               .start = insight_.start,
               .kept = kept_,
               .access = access_.get(),
               .tls = tls_ ? &tls_->figures() : nullptr,
               .cluster = part_.view},
      workers_([this] {
        std::vector<std::unique_ptr<worker>> workers;
        for (unsigned i = 0; i < settings_.threads; ++i) {
          auto& recorder = *insight_.recorders[i];
          workers.push_back(std::make_unique<worker>(
              settings_.sessions, under_way_, buffers_, draining_, progress_, [this, i] { return make_handler(i); },
              recorder, [this](peer_address const& client) { on_session_end(client); },
              tls_ ? &tls_->figures() : nullptr));
        }
        return workers;
      }()),
      hubs_([this] {
        std::vector<std::unique_ptr<watch_hub>> hubs;
        for (auto const& one : workers_) hubs.push_back(std::make_unique<watch_hub>(one->loop(), store_.history()));
        return hubs;
      }()),
      pools_([this] {
        std::vector<std::unique_ptr<upstream_pool>> pools;
        if (part_.leaders != nullptr)
          for (auto const& one : workers_)
            pools.push_back(
                std::make_unique<upstream_pool>(one->loop(), *part_.leaders, part_.forwarding, *part_.forward_counts));
        return pools;
      }()),
      loop_(workers_[0]->loop()),
      writer_(loop_, store_, settings_.writer_key, settings_.writer_period, insight_.started_at,
              insight_.recorders[0].get()),
      sweeper_(loop_, store_, insight_.recorders[0].get()),
      trimmer_(loop_,
               [this] {
                 auto const most = store_.take_data_bytes_most() + under_way_.take_most();
                 return heap_trimmer::use{store_.data_bytes() + under_way_.used(), most};
               }),
      listener_(
          loop_, part_.view != nullptr ? std::move(part_.listening) : listen_at(endpoint_of(settings_)),
          [this](unique_socket& socket) { return admit(socket); }, refusal()),
      drain_timer_(loop_.get_executor()),
      tls_look_(loop_.get_executor()) {
  if (access_) on_reload_.emplace_back([this] { reload_access(); });
  if (tls_) on_reload_.emplace_back([this] { tls_->reload(); });
  if (part_.forwarding.trust != nullptr) on_reload_.emplace_back([this] { part_.forwarding.trust->reload(); });
  live_.on_change([this] { asio::post(loop_.get_executor(), [this] { writer_.change(live_.writer_period()); }); });
  if (journal_) open_store();
  store_.on_earlier_expiry([this] { asio::post(loop_.get_executor(), [this] { sweeper_.look(); }); });
}

/// @param thread index of the worker.
std::unique_ptr<request_handler> server::make_handler(std::size_t thread) {
  auto here = make_api_handler(context_, *insight_.recorders[thread], *hubs_[thread]);
  if (is_standby()) return make_forwarder(std::move(here), is_answered_by_standby, *pools_[thread]);
  if (auto const* const secret = part_.forwarding.secret)
    return make_handler_of_forwarded_clients(std::move(here), *secret);
  return here;
}

std::uint64_t server::data_share(settings const& given) {
  auto const all = given.memory_bytes_max != 0 ? given.memory_bytes_max : default_memory_bytes_max();
  return all - under_way_share(all);
}

std::string server::where_the_data_are() const {
  if (part_.view != nullptr) return "etcd:" + settings_.cluster.prefix();
  return settings_.data_directory.empty() ? "in memory" : settings_.data_directory;
}

/// Recovers the data from the journal, and sends all later changes to it.
void server::open_store() {
  auto const began_at = std::chrono::steady_clock::now();
  store_.recover(*journal_);
  if (auto const lost = journal_->accepted_loss(); !lost.empty()) log_warn("data lost", {{"what", lost}});
  if (auto const tail = journal_->removed_tail(); !tail.empty()) log_warn("end of log removed", {{"what", tail}});
  auto const position = journal_->position();
  progress_.is_synced = settings_.sync;
  kept_.is_synced = settings_.sync;
  kept_.source = journal_.get();
  kept_.backups_directory = settings_.backups_directory;
  if (settings_.backups_directory.empty()) kept_.backups_directory = beside(settings_.data_directory);
  commits_ = std::make_unique<commit_queue>(
      *journal_, part_.commits,
      commit_observers{.notify = [this] { on_commit(); },
                       .measure = [this](commit_report const& report) { count(report); },
                       .take = [this](std::span<change> changes) { store_.history().append(changes); }});
  backups_ = std::make_unique<backup_runner>(*journal_);
  kept_.commits = commits_.get();
  kept_.backups = backups_.get();
  progress_.number = commits_->progress();
  commits_failed_.arm();
  store_.keep_in(position, *commits_, journal_->take_recent_changes());
  auto const took = std::chrono::steady_clock::now() - began_at;
  log_info("recovered", {{"data", where_the_data_are()},
                         {"journal", journal_->name()},
                         {"sync", settings_.sync ? "on" : "off"},
                         {"revision", position.revision},
                         {"changes_from", store_.history().first_revision()},
                         {"data_bytes", store_.data_bytes()},
                         {"journal_bytes", journal_->figures().bytes},
                         {"took_ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()}});
}

server::~server() {
  finish_commits();
  // The coroutines must be destroyed before the members that they refer to. One that releases the lock runs sections of
  // other requests, which append to the commits.
  for (auto const& one : pools_) one->forget_waiting();
  for (auto& one : workers_) one->shut_down();
}

bool server::admit(unique_socket& socket) {
  if (connections_.fetch_add(1, std::memory_order_relaxed) >= settings_.connections_max) {
    connections_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  auto const client = connections_of_.is_limited() ? address_of_peer(socket.get()) : peer_address();
  if (!connections_of_.add(client_id::of(client))) {
    connections_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  try {
    // Round robin: equal numbers of connections per thread.
    workers_[next_worker_++ % workers_.size()]->start_session(std::move(socket), client,
                                                              tls_ ? tls_->current() : tls::context());
  } catch (std::bad_alloc const&) {
    connections_of_.remove(client_id::of(client));
    connections_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  return true;
}

void server::on_session_end(peer_address const& client) {
  connections_of_.remove(client_id::of(client));
  auto const left = connections_.fetch_sub(1) - 1;
  if (left == 0 && draining_) asio::post(loop_.get_executor(), [this] { end_if_drained(); });
}

/// Runs on the commit thread.
void server::count(commit_report const& report) noexcept {
  progress_.last_batch.store(static_cast<std::uint32_t>(report.changes), std::memory_order_relaxed);
  kept_.counters.times.add(report.took.count());
  kept_.counters.batches.add(static_cast<std::int64_t>(report.changes));
  kept_.counters.bytes.add(report.bytes);
  auto const since_start = [this](auto time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time - insight_.started_at).count();
  };
  insight_.commits.add({since_start(report.began_at), since_start(report.began_at + report.took), report.changes});
}

/// Runs on the commit thread.
void server::on_commit() noexcept {
  if (commits_->failure() != nullptr) return commits_failed_.ring();
  progress_.number.store(commits_->progress(), std::memory_order_seq_cst);
  for (auto const& one : workers_) one->on_progress();
}

/// Stops after a failure of the journal. No connection gets another byte, so changes that are not durable are never
/// acknowledged.
void server::fail() {
  if (part_.view != nullptr) {
    log_warn("leadership lost", {{"reason", commits_->failure()->what()}});
    return workers_[0]->stop();
  }
  fail(exit_status_of(journal_fault::storage_failed), commits_->failure()->what());
  workers_[0]->stop();
}

void server::fail(int exit_status, std::string why) {
  exit_status_ = exit_status;
  failure_ = std::move(why);
  log_error("storage failed", {{"error", failure_}});
}

/// Commits the remaining changes, after the workers have stopped.
void server::finish_commits() noexcept {
  if (commits_) commits_->finish();
}

void server::close_journal() {
  finish_commits();
  if (backups_) backups_->finish();
  if (!commits_ || exit_status_ != 0 || part_.view != nullptr) return;
  if (commits_->failure() != nullptr) return fail();
  try {
    journal_->close();
  } catch (journal_error const& error) {
    fail(exit_status_of(error.fault()), error.what());
  }
}

void server::run() {
  listener_.start();
  if (!is_standby()) {
    start_part(writer_, "writer failed");  // also with a period of 0, since the period can change
    start_part(sweeper_, "expiry failed");
  }
  trimmer_.start();
  if (tls_ || part_.forwarding.trust != nullptr) look_at_certificates();
  log_info("listening", {{"address", text_of(endpoint().address().to_string(), endpoint().port())},
                         {"tls", tls_ ? "on" : "off"},
                         {"threads", settings_.threads},
                         {"tokens", settings_.access.tokens_file.empty() ? "none" : settings_.access.tokens_file},
                         {"writer_key", settings_.writer_key},
                         {"writer_period", protocol::format_duration(settings_.writer_period)},
                         {"data", where_the_data_are()},
                         {"max_memory", settings_.memory_bytes_max}});

  {
    // The threads join at the end of this block, also if one of them fails to start.
    std::vector<std::jthread> threads;
    auto const stop_all = [this](void*) {
      for (auto const& worker : workers_) worker->stop();
    };
    std::unique_ptr<void, decltype(stop_all)> const stop_first(this, stop_all);
    for (std::size_t i = 1; i < workers_.size(); ++i) threads.emplace_back([this, i] { workers_[i]->run(); });
    workers_[0]->run();
  }
  end_on_signals();
  close_journal();
  log_info("stopped");
}

template <class Part>
void server::start_part(Part& part, char const* failed) {
  ++parts_running_;
  asio::co_spawn(loop_.get_executor(), part.run(), [this, failed](std::exception_ptr const& error) {
    --parts_running_;
    if (error) log_error(failed, {{"error", what(error)}});
    end_if_drained();
  });
}

void server::stop() {
  was_stopped_ = true;
  asio::post(loop_.get_executor(), [this] { begin_drain(settings_.drain_timeout); });
}

void server::retire(std::chrono::nanoseconds drain_timeout) {
  asio::post(loop_.get_executor(), [this, drain_timeout] {
    if (was_stopped_) return;
    is_retiring_ = true;
    begin_drain(drain_timeout);
  });
}

std::vector<unique_socket> server::take_handed_over() {
  std::vector<unique_socket> all;
  for (auto const& worker : workers_)
    for (auto& one : worker->take_handed_over()) all.push_back(std::move(one));
  return all;
}

void server::adopt(std::vector<unique_socket> connections) {
  for (auto& one : connections) static_cast<void>(admit(one));
}

/// @param timeout of the first call; the second ends the drain.
void server::begin_drain(std::chrono::nanoseconds timeout) {
  if (phase_ == drain_phase::serving) drain_timeout_ = timeout;
  drain_further(phase_ == drain_phase::serving ? drain_phase::draining : drain_phase::hurrying);
}

/// Enters the next step of a drain. Each step is less patient than the one before.
void server::drain_further(drain_phase to) {
  if (to <= phase_) return;
  phase_ = to;
  std::chrono::nanoseconds patience{};
  auto next = drain_phase::aborting;
  void (session::*what)() = nullptr;
  switch (to) {
    case drain_phase::serving:
      return;
    case drain_phase::draining:
      log_info("draining",
               {{"connections", connections_.load()}, {"timeout", protocol::format_duration(drain_timeout_)}});
      draining_ = true;
      if (was_stopped_) listener_.accept_rest();
      if (was_stopped_ && part_.on_stop) part_.on_stop();
      listener_.close();
      writer_.stop();
      sweeper_.stop();
      what = &session::drain;
      patience = drain_timeout_;
      next = drain_phase::hurrying;
      break;
    case drain_phase::hurrying:
      what = &session::hurry;
      patience = hurry_time;
      break;
    case drain_phase::aborting:
      what = &session::abort;
      patience = hurry_time;
      break;
  }
  for (auto const& worker : workers_) {
    if (is_retiring_ && to == drain_phase::draining) {
      worker->hand_over_sessions();
    } else {
      worker->for_each_session(what);
    }
  }
  drain_timer_.expires_after(patience);
  drain_timer_.async_wait([this, next, to](error_code error) {
    if (error || phase_ != to) return;
    if (to != drain_phase::aborting) return drain_further(next);
    workers_[0]->stop();
  });
  end_if_drained();
}

void server::end_if_drained() {
  if (phase_ != drain_phase::serving && connections_ == 0 && parts_running_ == 0) workers_[0]->stop();
}

void server::block_stop_signals() {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGINT);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &stops, nullptr);
}

void server::stop_on_signals() {
  signals_.emplace(loop_, std::initializer_list<int>{SIGINT, SIGTERM, SIGHUP}, [this](int number) {
    log_info("signal", {{"number", number}});
    if (number == SIGHUP) return reload();
    stop();
  });
}

void server::end_on_signals() {
  if (!signals_) return;
  signals_.reset();
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_UNBLOCK, &ends, nullptr);
}

void server::reload() {
  asio::post(loop_.get_executor(), [this] {
    for (auto const& one : on_reload_) one();
  });
}

void server::look_at_certificates() {
  tls_look_.expires_after(tls_look_period);
  tls_look_.async_wait([this](error_code error) {
    if (error) return;
    if (tls_) tls_->look();
    if (part_.forwarding.trust != nullptr) part_.forwarding.trust->look();
    look_at_certificates();
  });
}

void server::reload_access() {
  if (auto* const tokens = access_->tokens.get()) {
    if (auto const done = tokens->reload(); done) {
      log_info("tokens reloaded", {{"file", tokens->path()}, {"tokens", tokens->current()->all().size()}});
    } else {
      log_error("tokens not reloaded, keeping the previous ones", {{"error", done.error().detail}});
    }
  }
  for (auto* const one : {access_->audit.get(), access_->requests.get()})
    if (one != nullptr && !one->reopen())
      log_error("log not reopened, keeping the open file", {{"file", one->path()}, {"error", std::strerror(errno)}});
}

}  // namespace holdfast::server
