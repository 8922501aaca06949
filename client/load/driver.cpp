#include "client/load/driver.hpp"

#include <sys/prctl.h>

#include <ctime>

#include <algorithm>
#include <fstream>
#include <utility>

#include "client/refusal.hpp"
#include "client/server_choice.hpp"
#include "protocol/entity_tag.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;

constexpr auto interval_length = 1s;
constexpr auto retry_delay = 100ms;
constexpr auto drain_time_max = 1s;
constexpr std::size_t read_bytes = 64 * 1024;

nanoseconds thread_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

/// How long this thread was ready to run but had no processor. 0 if the kernel does not record it.
nanoseconds thread_starved_time() {
  std::ifstream file("/proc/thread-self/schedstat");
  std::int64_t ran = 0, waited = 0;
  file >> ran >> waited;
  return nanoseconds(waited);
}

}  // namespace

driver::driver(driver_settings settings, deliver_interval deliver)
    : settings_(std::move(settings)),
      deliver_(std::move(deliver)),
      request_timeout_(load::request_timeout(*settings_.run)),
      housekeeping_period_(std::clamp<nanoseconds>(request_timeout_ / 8, 1ms, 100ms)),
      workload_(settings_.run->workload, settings_.run->connection.server, settings_.key_prefix,
                {settings_.thread, settings_.run->threads}, settings_.inserted),
      buffer_(read_bytes),
      current_{0, std::make_unique<measurements>()} {
  workload_.learn_database(settings_.database);
  if (settings_.record != nullptr) settings_.record->set_prefix(settings_.key_prefix);
  if (is_open_loop(*settings_.run)) {
    auto stages = settings_.run->stages;
    auto const warm_up_rate = stages.front().rate_begin;
    if (settings_.run->warm_up.count() != 0)
      stages.insert(stages.begin(), stage{settings_.run->warm_up, warm_up_rate, warm_up_rate});
    schedule_.emplace(std::move(stages), settings_.run->arrivals, settings_.thread, settings_.run->threads,
                      settings_.run->workload.seed);
  }
  servers_ = servers_of(settings_.run->connection.server);
  if (std::ranges::any_of(servers_, &endpoint::is_tls)) tls_ = tls::client_context(servers_.front().trust);
  channels_.reserve(settings_.connections);
  for (std::uint32_t token = 0; token < settings_.connections; ++token) {
    channels_.emplace_back(poller_, token).server_number = settings_.first_server;
  }
}

void driver::stop() {
  stopped_.store(true, std::memory_order_relaxed);
  poller_.wake();
}

bool driver::in_flight() const {
  return std::ranges::any_of(channels_, [](auto const& one) { return one.in_flight() != 0; });
}

bool driver::connecting() const {
  return std::ranges::any_of(channels_, [](auto const& one) { return one.state() == channel_state::connecting; });
}

void driver::prepare() {
  now_ = clock::now();
  next_interval_ = time_point::max();
  next_housekeeping_ = now_;
  auto const limit = now_ + settings_.run->connection.connect_timeout;
  for (auto& channel : channels_) reconnect(channel);
  while (connecting() && now_ < limit && !stopped_.load(std::memory_order_relaxed)) wait(limit);
}

driver_end driver::run(time_point start) {
  // By default timers are 50 us late, a quarter of the interval at 5,000 requests per second.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  start_ = start;
  now_ = clock::now();
  measured_from_ = start + settings_.run->warm_up;
  auto const end = measured_from_ + settings_.run->duration;
  asking_ = true;
  if (schedule_) advance_schedule();
  for (auto& channel : channels_) refill(channel);
  run_until(measured_from_);
  auto const cpu_before = thread_cpu_time();
  auto const starved_before = thread_starved_time();
  auto const server_cpu_before = server_cpu_time();
  next_interval_ = measured_from_ + interval_length;
  run_until(end);

  asking_ = false;
  next_interval_ = next_start_ = time_point::max();
  auto const interrupted = stopped_.load(std::memory_order_relaxed);
  if (interrupted) abandon_backlog();
  auto const limit = now_ + (schedule_ && !interrupted ? request_timeout_ + housekeeping_period_ : drain_time_max);
  // Requests that wait for a connection are hopeless once no connection is open.
  auto last_open = now_;
  while ((in_flight() || !backlog_.empty()) && now_ < limit && now_ - last_open < drain_time_max &&
         interrupted == stopped_.load(std::memory_order_relaxed)) {
    wait(std::min(limit, last_open + drain_time_max));
    if (std::ranges::any_of(channels_, [](auto const& one) { return one.state() == channel_state::open; }))
      last_open = now_;
  }
  abandon_backlog();
  for (auto& channel : channels_) {
    channel.for_each_in_flight([&](auto const& request) { abandon(request.started); });
    channel.close();
  }
  deliver_(std::move(current_));
  end_.at = now_;
  end_.cpu = thread_cpu_time() - cpu_before;
  end_.starved = thread_starved_time() - starved_before;
  auto const server_cpu = server_cpu_time();
  if (server_cpu && server_cpu_before) end_.server_cpu = *server_cpu - *server_cpu_before;
  end_.inserted = workload_.inserted();
  return end_;
}

std::optional<nanoseconds> driver::server_cpu_time() const {
  return settings_.server_clock == nullptr ? std::nullopt : settings_.server_clock->now();
}

void driver::abandon(time_point started) {
  if (!is_measured(started)) return;
  ++end_.unfinished;
  end_.oldest_unfinished = std::max<nanoseconds>(end_.oldest_unfinished, now_ - started);
}

void driver::abandon_backlog() {
  for (auto const started : backlog_) abandon(started);
  backlog_.clear();
}

void driver::run_until(time_point end) {
  while (now_ < end && !stopped_.load(std::memory_order_relaxed) && !is_record_full()) wait(end);
}

void driver::wait(time_point limit) {
  auto const next = std::min({limit, next_housekeeping_, next_interval_, next_start_});
  auto const ready = poller_.wait(next - now_);
  for (auto const& event : ready) handle(event);
  if (ready.empty()) now_ = clock::now();
  if (now_ >= next_start_) start_due();
  if (now_ >= next_interval_) roll_interval();
  if (now_ >= next_housekeeping_) keep_house();
}

void driver::handle(epoll_event const& event) {
  auto& channel = channels_[event.data.u32];
  if (channel.state() == channel_state::closed) return;
  if (channel.state() == channel_state::connecting || (event.events & EPOLLOUT) != 0) {
    now_ = clock::now();
    if (auto const failed = channel.on_writable()) return lose(channel, *failed);
    if (channel.in_flight() == 0) return refill(channel);
    if ((event.events & ~EPOLLOUT) == 0) return;
  }
  now_ = {};
  is_elsewhere_ = false;
  follow_ups_.clear();
  auto const failed = channel.receive(buffer_, [this](auto const& request, auto const& answer) {
    // Read the clock once for all answers of one read.
    if (now_ == time_point{}) now_ = clock::now();
    complete(request, answer);
  });
  if (now_ == time_point{}) now_ = clock::now();
  if (failed) return lose(channel, *failed);
  for (auto const& put : follow_ups_) ask(channel, put, now_);
  if (is_elsewhere_ && channel.in_flight() == 0) {
    channel.close();
    return go_on(channel);
  }
  if (!is_elsewhere_) refill(channel);
}

void driver::ask(channel& channel, planned_request const& request, time_point started) {
  outstanding_request asked{request, started, now_};
  if (settings_.record != nullptr)
    asked.record = settings_.record->ask(request, settings_.first_connection + channel.token(), now_);
  channel.push(asked);
  workload_.append(channel.outbox(), request, channel.server_number);
}

void driver::flush(channel& channel) {
  if (auto const failed = channel.flush()) lose(channel, *failed);
}

bool driver::has_room(channel const& channel) const {
  return channel.state() == channel_state::open && channel.in_flight() < settings_.run->pipeline;
}

/// The start of the next request on a connection with free capacity; nullopt if there is none.
std::optional<time_point> driver::next_to_ask() {
  if (!schedule_) return asking_ ? std::optional(now_) : std::nullopt;
  while (!backlog_.empty()) {
    auto const started = backlog_.front();
    backlog_.pop_front();
    if (now_ - started < request_timeout_) return started;
    if (is_measured(started)) current_.measured->record(error_kind::timeout);
  }
  return std::nullopt;
}

void driver::refill(channel& channel) {
  while (has_room(channel)) {
    auto const started = next_to_ask();
    if (!started) break;
    ask(channel, workload_.next(), *started);
  }
  if (channel.state() == channel_state::open && !channel.outbox().empty()) flush(channel);
  if (schedule_) list_idle(channel);
}

void driver::list_idle(channel& channel) {
  if (channel.is_listed || !has_room(channel)) return;
  channel.is_listed = true;
  idle_.push_back(channel.token());
}

channel* driver::take_idle() {
  while (!idle_.empty()) {
    auto& candidate = channels_[idle_.front()];
    idle_.pop_front();
    candidate.is_listed = false;
    if (has_room(candidate)) return &candidate;
  }
  return nullptr;
}

void driver::advance_schedule() {
  auto const next = schedule_->next();
  next_start_ = next ? start_ + *next : time_point::max();
}

void driver::start_due() {
  while (next_start_ <= now_) {
    auto const started = next_start_;
    advance_schedule();
    auto* const free = take_idle();
    if (free == nullptr) {
      backlog_.push_back(started);
      if (is_measured(started)) current_.measured->record_queued();
      continue;
    }
    if (is_measured(started)) current_.measured->record_start(now_ - started);
    ask(*free, workload_.next(), started);
    flush(*free);
    list_idle(*free);
    now_ = clock::now();
  }
}

void driver::complete(outstanding_request const& request, answer_message const& answer) {
  auto const& what = request.what;
  auto const expected = workload_.is_expected(what, answer.status);
  workload_.settle(what, expected && answer.status < 400);
  if (answer.status == 503 && servers_.size() > 1 && is_for_another(refused_by(answer))) is_elsewhere_ = true;
  auto const seen = read(what, answer);
  auto const is_bad = !seen;
  if (settings_.record != nullptr)
    settings_.record->answer(request.record, answer, workload_.is_value(answer.body, what.key), now_);
  if (what.modifies && expected && !is_bad && (schedule_ || asking_))
    follow_ups_.push_back(workload_.modify(what, *seen));
  if (!is_measured(request.started)) return;
  if (is_bad) return current_.measured->record(error_kind::bad_answer);
  auto& like = current_.measured->record(
      {.operation = what.operation,
       .status = answer.status,
       .expected = expected,
       .latency = now_ - request.started,
       .timing = answer.timing,
       .before_sending = schedule_ ? std::optional<nanoseconds>(request.sent - request.started) : std::nullopt});
  if (!expected && like.reason.empty() && answer.content == content_kind::problem_json)
    like.reason = refused_by(answer).message;
}

/// The versions of keys in an answer; nullopt if it cannot belong to this run.
std::optional<seen_versions> driver::read(planned_request const& what, answer_message const& answer) {
  seen_versions seen;
  if (answer.status >= 300) return seen;
  auto const all_ours = [this] { return std::ranges::all_of(shown_.keys, &shown_key::is_ours); };
  switch (what.operation) {
    case operation_kind::get:
      if (answer.content != content_kind::json || !workload_.is_value(answer.body, what.key)) return std::nullopt;
      if (auto const tag = what.compares ? protocol::parse_entity_tag(answer.etag) : std::nullopt) {
        workload_.learn_database(tag->start);
        seen.first = tag->revision;
      }
      return seen;
    case operation_kind::list:
      if (!read_list(answer.body, settings_.key_prefix, shown_) || shown_.keys.size() > what.limit || !all_ours())
        return std::nullopt;
      return seen;
    case operation_kind::txn:
      if (!read_transaction(answer.body, settings_.key_prefix, shown_) || !all_ours()) return std::nullopt;
      for (auto const& one : shown_.keys) {
        if (one.what != shown_key::part::version) continue;
        (one.key == what.key ? seen.first : seen.other) = one.revision;
      }
      return seen;
    case operation_kind::incr:
      if (!read_count(answer.body)) return std::nullopt;
      return seen;
    case operation_kind::put:
    case operation_kind::del:
      return seen;
  }
  return seen;
}

void driver::lose(channel& channel, error_kind kind) {
  // A server may close a connection between two requests.
  if (channel.lost().empty() && channel.used() && kind == error_kind::reset) {
    current_.measured->record_reconnect();
    return reconnect(channel);
  }
  if (channel.lost().empty() && is_measured(now_)) current_.measured->record(kind);
  count_lost(channel, kind);
  go_on(channel);
}

/// A closed channel tries the next server, in a moment.
void driver::go_on(channel& channel) {
  channel.server_number = (channel.server_number + 1) % servers_.size();
  channel.due = now_ + retry_delay;
}

void driver::count_lost(channel const& channel, error_kind kind) {
  for (auto const& request : channel.lost()) {
    workload_.settle(request.what, false);
    if (is_measured(request.started)) current_.measured->record(kind);
  }
}

void driver::reconnect(channel& channel) {
  channel.due = now_ + settings_.run->connection.connect_timeout;
  auto const& named = servers_[channel.server_number];
  if (auto const failed =
          channel.connect(settings_.addresses[channel.server_number], named, named.is_tls ? tls_ : tls::context()))
    lose(channel, *failed);
}

/// True if its oldest request is no longer to be waited for.
bool driver::is_hopeless(channel const& channel) const {
  if (channel.in_flight() == 0) return false;
  auto const sent = channel.oldest().sent;
  return now_ - sent >= request_timeout_ ||
         (settings_.servers != nullptr && settings_.servers->is_silent(channel.server_number, sent, now_));
}

void driver::keep_house() {
  next_housekeeping_ = now_ + housekeeping_period_;
  for (auto& channel : channels_) {
    switch (channel.state()) {
      case channel_state::closed:
        if (now_ >= channel.due) reconnect(channel);
        break;
      case channel_state::connecting:
        if (now_ < channel.due) break;
        if (is_measured(now_)) current_.measured->record(error_kind::timeout);
        go_on(channel);
        reconnect(channel);
        break;
      case channel_state::open:
        if (!is_hopeless(channel)) break;
        channel.give_up();
        count_lost(channel, error_kind::timeout);
        go_on(channel);
        reconnect(channel);
        break;
    }
  }
}

void driver::roll_interval() {
  auto const second = current_.second;
  deliver_(std::exchange(current_, {second + 1, std::make_unique<measurements>()}));
  next_interval_ += interval_length;
}

}  // namespace holdfast::client::load
