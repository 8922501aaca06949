#include "server/store/expiry_sweeper.hpp"

#include <new>

namespace holdfast::server {

expiry_sweeper::expiry_sweeper(event_loop& loop, store& data, lock_recorder* recorder)
    : data_(data), asker_{recorder, peer_address::expiry(), lock_operation::expire}, pause_(loop.get_executor()) {}

awaitable<void> expiry_sweeper::run() {
  store::section const remove_expired = [](database& data) { return data.apply(expire_operation()); };
  while (stop_.why() == stop_reason::none) {
    if (auto const next = data_.next_expiry(); next > pause_.now()) {
      pause_.expires_at(next);
      co_await pause_.async_wait(as_values);
      continue;
    }
    auto has_failed = false;
    try {
      co_await data_.run({}, remove_expired, stop_, asker_);
    } catch (std::bad_alloc const&) {
      has_failed = true;
    }
    // Lets the thread serve others between two portions, even if the lock was free and nothing suspended. If memory has
    // run out, some may be free a little later.
    pause_.expires_after(has_failed ? std::chrono::milliseconds(1000) : std::chrono::milliseconds(1));
    co_await pause_.async_wait(as_values);
  }
}

void expiry_sweeper::stop() {
  stop_.stop(stop_reason::drain);
  pause_.cancel();
}

}  // namespace holdfast::server
