#pragma once

#include "server/insight/lock_recorder.hpp"
#include "server/loop/asio.hpp"
#include "server/loop/interruption.hpp"
#include "server/loop/timer.hpp"
#include "server/store/store.hpp"

namespace holdfast::server {

/// Removes keys when they expire. It acquires the lock like any client, for a bounded number of keys at a time;
/// requests served before it do not find expired keys either. Sleeps while nothing expires. Runs on the loop's thread,
/// except where noted.
class expiry_sweeper {
 public:
  /// The loop and the store must outlive it. @param recorder of the loop's thread; null: no recording.
  expiry_sweeper(event_loop& loop, store& data, lock_recorder* recorder = nullptr);

  /// Removes expired keys until stop(). Call once; must outlive the await.
  awaitable<void> run();

  /// Ends run(), even while it waits for the lock.
  void stop();

  /// Announces a key that expires earlier than the others.
  void look() { pause_.cancel(); }

 private:
  store& data_;
  lock_asker const asker_;
  timer pause_;
  interruption stop_;
};

}  // namespace holdfast::server
