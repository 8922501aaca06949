#include "server/server.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <exception>
#include <random>

#include "protocol/duration.hpp"
#include "server/listener.hpp"
#include "server/log.hpp"
#include "server/periodic_writer.hpp"

namespace holdfast::server {
namespace {

/// What was cut when the drain time-out passed gets this long to be answered.
constexpr std::chrono::milliseconds hurry_time{250};

std::uint64_t random_start() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

std::string what(std::exception_ptr const& error) {
  try {
    std::rethrow_exception(error);
  } catch (std::exception const& exception) {
    return exception.what();
  }
}

}  // namespace

server::server(settings settings)
    : settings_(std::move(settings)),
      insight_(settings_.threads, random_start()),
      live_(settings_),
      store_(settings_.waiters_max),
      context_{settings_, store_, insight_, live_, connections_, insight_.start, draining_},
      writer_pace_(settings_.writer_period),
      workers_([this] {
        std::vector<std::unique_ptr<worker>> workers;
        for (unsigned i = 0; i < settings_.threads; ++i)
          workers.push_back(std::make_unique<worker>(context_, *insight_.recorders[i], [this] { on_session_end(); }));
        return workers;
      }()),
      acceptor_(open_acceptor(workers_[0]->io(), settings_)),
      endpoint_(acceptor_.local_endpoint()),
      drain_timer_(workers_[0]->io()) {
  live_.on_change([this] { asio::post(workers_[0]->io(), [this] { writer_pace_.change(live_.writer_period()); }); });
}

server::~server() = default;

worker& server::next_worker() noexcept {
  return *workers_[next_worker_ % workers_.size()];
}

bool server::admit(unique_socket& socket) {
  if (connections_.fetch_add(1, std::memory_order_relaxed) >= settings_.connections_max) {
    connections_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  try {
    next_worker().start_session(std::move(socket));
  } catch (std::bad_alloc const&) {
    connections_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  return true;
}

void server::on_session_end() {
  auto const left = connections_.fetch_sub(1) - 1;
  if (left == 0 && draining_) asio::post(workers_[0]->io(), [this] { end_if_drained(); });
}

void server::run() {
  auto& io = workers_[0]->io();
  auto admit_one = [this](unique_socket& socket) { return admit(socket); };
  asio::co_spawn(io, accept_connections(acceptor_, std::move(admit_one)), [](std::exception_ptr const& error) {
    if (error) std::rethrow_exception(error);
  });
  // Also while its period is 0, which may change.
  auto ended = [this](std::exception_ptr const& error) {
    writer_runs_ = false;
    if (error) log_error("writer failed", {{"error", what(error)}});
    end_if_drained();
  };
  asio::co_spawn(io, run_writer(), asio::bind_cancellation_slot(stop_writer_.slot(), std::move(ended)));
  log_info("listening", {{"address", text_of(endpoint_.address().to_string(), endpoint_.port())},
                         {"threads", settings_.threads},
                         {"writer_key", settings_.writer_key},
                         {"writer_period", protocol::format_duration(settings_.writer_period)}});

  {
    // Threads join at the end of this block, also when one of them can't be started.
    std::vector<std::jthread> threads;
    auto const stop_all = [this](void*) {
      for (auto const& worker : workers_) worker->stop();
    };
    std::unique_ptr<void, decltype(stop_all)> const stop_first(this, stop_all);
    for (std::size_t i = 1; i < workers_.size(); ++i) threads.emplace_back([this, i] { workers_[i]->run(); });
    workers_[0]->run();
  }
  log_info("stopped");
}

awaitable<void> server::run_writer() {
  if (draining_) co_return;
  writer_runs_ = true;
  recorded_writer watch(store_, *insight_.recorders[0]);
  co_await write_periodically<steady_timer>(store_.data(), settings_.writer_key, writer_pace_, insight_.started_at,
                                            watch);
}

void server::stop() {
  asio::post(workers_[0]->io(),
             [this] { drain_further(phase_ == drain_phase::serving ? drain_phase::draining : drain_phase::hurrying); });
}

/// Each step leaves less undone than the one before; the last leaves nothing.
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
               {{"connections", connections_.load()}, {"timeout", protocol::format_duration(settings_.drain_timeout)}});
      draining_ = true;
      acceptor_.close();
      // Before it runs there is nothing to cancel, and Asio would drop the coroutine with its completion.
      if (writer_runs_) stop_writer_.emit(asio::cancellation_type::terminal);
      what = &session::drain;
      patience = settings_.drain_timeout;
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
  for (auto const& worker : workers_) worker->for_each_session(what);
  drain_timer_.expires_after(patience);
  drain_timer_.async_wait([this, next, to](error_code error) {
    if (error || phase_ != to) return;
    if (to != drain_phase::aborting) return drain_further(next);
    workers_[0]->stop();
  });
  end_if_drained();
}

void server::end_if_drained() {
  if (phase_ != drain_phase::serving && connections_ == 0 && !writer_runs_) workers_[0]->stop();
}

void server::stop_on_signals() {
  signals_.emplace(workers_[0]->io(), SIGINT, SIGTERM);
  asio::co_spawn(workers_[0]->io(), wait_for_signals(), asio::detached);
}

awaitable<void> server::wait_for_signals() {
  for (;;) {
    auto [error, number] = co_await signals_->async_wait(as_values);
    if (error) co_return;
    log_info("signal", {{"number", number}});
    stop();
  }
}

}  // namespace holdfast::server
