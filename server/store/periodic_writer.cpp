#include "server/store/periodic_writer.hpp"

#include <memory>
#include <new>
#include <utility>

namespace holdfast::server {

periodic_writer::periodic_writer(event_loop& loop, store& data, std::string key, std::chrono::nanoseconds period,
                                 clock::time_point start, lock_recorder* recorder)
    : data_(data),
      key_(std::move(key)),
      period_(period),
      start_(start),
      asker_{recorder, peer_address::writer(), lock_operation::put},
      pause_(loop.get_executor()) {}

awaitable<void> periodic_writer::run() {
  put_operation put{key_, nullptr};
  store::section const write = [&](database& data) {
    auto const elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(pause_.now() - start_);
    put.value = std::make_shared<std::string const>(std::to_string(elapsed.count()));
    return data.apply(put);
  };
  if (period_.count() == 0) co_await sleep(start_);
  while (!is_stopped()) {
    try {
      co_await data_.run(key_, write, stop_, asker_);
    } catch (std::bad_alloc const&) {
      // More memory may be free after the next period.
    }
    co_await sleep(pause_.now());
  }
}

void periodic_writer::stop() {
  stop_.stop(stop_reason::drain);
  pause_.cancel();
}

void periodic_writer::change(std::chrono::nanoseconds period) {
  period_ = period;
  pause_.cancel();
}

/// Waits until the period that began at `since` is over, as the period is then, or until a stop.
awaitable<void> periodic_writer::sleep(clock::time_point since) {
  while (!is_stopped()) {
    pause_.expires_at(period_.count() > 0 ? since + period_ : clock::time_point::max());
    auto const [changed] = co_await pause_.async_wait(as_values);
    if (!changed) co_return;
  }
}

}  // namespace holdfast::server
