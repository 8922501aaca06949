#include "client/load/watch_pool.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

#include "client/load/answer_body.hpp"
#include "client/load/workload.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using json = nlohmann::json;
using steady = std::chrono::steady_clock;
using timer_type = boost::asio::basic_waitable_timer<steady, boost::asio::wait_traits<steady>, executor>;

constexpr auto quiet_time = 200ms;
constexpr auto retry_delay = 50ms;
constexpr int failures_max = 20;
/// Of several servers one leads again after some seconds.
constexpr int failures_of_all_max = 200;

verify::instant now() {
  return std::chrono::nanoseconds(steady::now().time_since_epoch()).count();
}

/// The revision in an event's id, `database-revision`, or 0.
std::uint64_t revision_of_id(json const& event) {
  auto const id = event.value("id", std::string());
  auto const dash = id.rfind('-');
  if (dash == std::string::npos) return 0;
  std::uint64_t revision = 0;
  auto const* const end = id.data() + id.size();
  auto const [stopped, failed] = std::from_chars(id.data() + dash + 1, end, revision);
  return failed == std::errc() && stopped == end ? revision : 0;
}

std::uint64_t number(json const& event, char const* name) {
  auto const found = event.find(name);
  return found != event.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::uint64_t value_of(json const& event, verify::key_number key) {
  auto const found = event.find("value");
  if (found == event.end()) return verify::not_shown;
  if ((key & verify::counter_keys) != 0 && found->is_number_unsigned()) return found->get<std::uint64_t>();
  auto const read = parse_value(found->dump());
  return read && read->key == key ? read->value : verify::absent - 2;
}

}  // namespace

std::string watch_check::take(verify::key_number key, std::uint64_t revision, std::uint64_t previous, bool removes) {
  std::string wrong;
  auto const name = "change " + std::to_string(revision) + " of key " + verify::name_of_key(key);
  if (revision == last_) {
    wrong = name + " came twice";
  } else if (revision < last_) {
    wrong = name + " came after change " + std::to_string(last_);
  } else if (auto const known = revisions_.find(key);
             known != revisions_.end() && known->second != 0 && previous != 0 && known->second != previous) {
    wrong = name + " follows change " + std::to_string(previous) + " of it, which did not come";
  }
  last_ = std::max(last_, revision);
  revisions_[key] = removes ? 0 : revision;
  return wrong;
}

void watch_check::forget() {
  revisions_.clear();
}

struct watch_pool::watcher {
  watcher(executor on, endpoint const& server) : stream(on, server) {}

  line_stream stream;
  watch_check check;
  std::vector<watch_stream> log;
  int failures = 0;
};

watch_pool::watch_pool(settings of) : settings_(std::move(of)) {
  report_.watchers = settings_.watchers;
  last_arrival_ = now();
  for (unsigned i = 0; i < settings_.watchers; ++i) {
    watchers_.push_back(std::make_unique<watcher>(context_.get_executor(), settings_.server));
    auto& one = *watchers_.back();
    one.check.start_at(settings_.from);
    ++following_;
    boost::asio::co_spawn(context_, watch(one), [this](std::exception_ptr thrown) {
      --following_;
      if (thrown) std::rethrow_exception(thrown);
    });
  }
  thread_ = std::thread([this] { context_.run(); });
}

watch_pool::~watch_pool() {
  if (thread_.joinable()) static_cast<void>(finish());
}

int watch_pool::failures_allowed() const {
  return settings_.server.others.empty() ? failures_max : failures_of_all_max;
}

bool watch_pool::is_ending() const {
  std::lock_guard const guard(mutex_);
  return ending_;
}

awaitable<void> watch_pool::watch(watcher& one) {
  while (!is_ending()) {
    auto const went_well = co_await follow(one);
    {
      std::lock_guard const guard(mutex_);
      if (ending_) co_return;
      if (went_well) {
        ++report_.reconnects;
        one.failures = 0;
      } else if (++one.failures >= failures_allowed()) {
        co_return;
      }
    }
    timer_type timer(context_.get_executor(), retry_delay);
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<executor>()));
  }
}

/// Follows one stream to its end. @return true if it has begun
awaitable<bool> watch_pool::follow(watcher& one) {
  auto const target =
      "/v1/watch?prefix=" + settings_.prefix + "&format=ndjson&from=" + std::to_string(one.check.last());
  auto opened = co_await one.stream.open(target);
  if (!opened) {
    std::lock_guard const guard(mutex_);
    auto const is_refused = opened.error().kind == error_kind::status && !is_for_another(opened.error());
    if (!ending_ && (is_refused || one.failures + 1 >= failures_allowed())) report_.failure = opened.error().message;
    if (is_refused) one.failures = failures_allowed();
    co_return false;
  }
  one.log.push_back({.from = one.check.last(), .events = {}});
  for (;;) {
    auto line = co_await one.stream.next();
    if (!line || !*line) break;
    if (!(*line)->empty()) take(one, **line);
  }
  one.stream.close();
  co_return true;
}

void watch_pool::take(watcher& one, std::string const& line) {
  auto const arrived = now();
  auto const event = json::parse(line, nullptr, false);
  std::lock_guard const guard(mutex_);
  auto const accuse = [&](std::string const& what) {
    ++report_.wrong;
    if (report_.first_wrong.empty()) report_.first_wrong = what;
  };
  if (!event.is_object()) return accuse("a line is no event");
  auto const what = event.value("event", std::string());
  if (what == "lost") {
    ++report_.lost;
    one.check.forget();
    auto const from = std::max(revision_of_id(event), one.check.last());
    one.check.start_at(from);
    one.log.push_back({.from = from, .events = {}});
    return;
  }
  auto const is_put = what == "put";
  if (!is_put && what != "delete" && what != "expire") return;  // progress, live, or a future type
  last_arrival_ = arrived;
  ++report_.events;
  auto const key = number_of_key(event.value("key", std::string()), settings_.prefix);
  auto const revision = number(event, "revision");
  if (key == verify::no_key) return accuse("an event tells of a key that is not watched");
  if (auto wrong = one.check.take(key, revision, number(event, "previous"), !is_put); !wrong.empty()) accuse(wrong);
  if (!settings_.keeps_events) return;
  verify::fact stated{.key = key, .at = revision};
  if (is_put) {
    stated.version = revision;
    stated.value = value_of(event, key);
  } else {
    stated.what = what == "delete" ? verify::fact::kind::gone : verify::fact::kind::expire;
  }
  one.log.back().events.push_back({stated, arrived});
}

bool watch_pool::is_settled() const {
  std::lock_guard const guard(mutex_);
  if (!report_.failure.empty()) return true;
  if (now() - last_arrival_ < std::chrono::nanoseconds(quiet_time).count()) return false;
  return std::ranges::all_of(watchers_,
                             [&](auto const& one) { return one->check.last() == watchers_.front()->check.last(); });
}

/// A stream that is being opened cannot be closed yet, so this is repeated until all have ended.
void watch_pool::close_all() {
  for (auto& one : watchers_) one->stream.close();
  if (following_ == 0) return;
  auto const timer = std::make_shared<timer_type>(context_.get_executor(), retry_delay);
  timer->async_wait([this, timer](boost::system::error_code) { close_all(); });
}

watch_report watch_pool::finish() {
  {
    std::lock_guard const guard(mutex_);
    ending_ = true;
  }
  boost::asio::post(context_, [this] { close_all(); });
  thread_.join();
  if (settings_.keeps_events) {
    for (auto& one : watchers_) report_.logs.push_back(std::move(one->log));
  }
  return std::move(report_);
}

}  // namespace holdfast::client::load
