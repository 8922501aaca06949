#include "client/resuming_stream.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace holdfast::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// The delay before an attempt: none at first, then 100 ms, doubled each time up to 5 s.
nanoseconds pause_before(unsigned attempt) {
  if (attempt == 0) return nanoseconds(0);
  return std::min<nanoseconds>(milliseconds(100) * (1U << std::min(attempt - 1, 6U)), std::chrono::seconds(5));
}

stream_limits limits_of(resuming_stream::settings const& settings) {
  stream_limits limits;
  if (settings.timeout) limits.connect = limits.answer = *settings.timeout;
  limits.probes = !settings.timeout;
  limits.silence = settings.silence;
  return limits;
}

/// True if a later attempt may succeed: the server is starting, stopping or busy.
bool passes(error const& failed) {
  return !failed.refused || failed.refused->status == 503 || failed.refused->status == 502;
}

}  // namespace

resuming_stream::resuming_stream(executor on, settings chosen, std::function<request()> request_of)
    : settings_(std::move(chosen)),
      request_of_(std::move(request_of)),
      stream_(on, settings_.server, limits_of(settings_)),
      timer_(on) {}

void resuming_stream::restart() {
  stream_.close();
  is_open_ = false;
}

void resuming_stream::close() {
  stream_.close();
  timer_.cancel();
}

awaitable<result<void>> resuming_stream::open() {
  for (;;) {
    if (auto const pause = pause_before(attempts_++); pause.count() != 0) {
      timer_.expires_after(pause);
      co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<executor>()));
    }
    auto wanted = request_of_();
    auto opened = co_await stream_.open(std::move(wanted.target), std::move(wanted.fields));
    if (opened || !was_open_ || !passes(opened.error())) co_return opened;
    if (settings_.timeout && clock::now() - silent_since_ >= *settings_.timeout) co_return opened;
  }
}

awaitable<result<resuming_stream::item>> resuming_stream::next() {
  if (!is_open_) {
    auto opened = co_await open();
    if (!opened) co_return opened.error();
    is_open_ = true;
    silent_since_ = clock::now();
    if (std::exchange(was_open_, true)) {
      item back{event::resumed, {}};
      co_return back;
    }
  }
  auto line = co_await stream_.next();
  if (line && *line) {
    attempts_ = 0;
    item one{event::line, std::move(**line)};
    co_return one;
  }
  is_open_ = false;
  silent_since_ = clock::now();
  item lost{event::broken, line ? stream_.server().url() + ": the server ended the stream" : line.error().message};
  co_return lost;
}

}  // namespace holdfast::client
