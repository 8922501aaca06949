#pragma once

#include "server/insight/lock_recorder.hpp"
#include "server/loop/asio.hpp"
#include "server/loop/interruption.hpp"
#include "server/loop/timer.hpp"
#include "server/store/store.hpp"

namespace holdfast::server {

/// Removes keys when they expire. It takes the lock like anyone else, a bounded number of keys at a time; whoever is
/// granted the lock before it finds no expired key either. Sleeps while nothing expires. On the loop's thread, but for
/// what says so.
class expiry_sweeper {
 public:
  /// The loop and the store must outlive it. @param recorder of the loop's thread; null: nobody watches.
  expiry_sweeper(event_loop& loop, store& data, lock_recorder* recorder = nullptr);

  /// Removes until stop(), from now on. Call once; must outlive the await.
  awaitable<void> run();

  /// Ends run(), also when it waits for the lock.
  void stop();

  /// A key expires earlier than was known.
  void look() { pause_.cancel(); }

 private:
  store& data_;
  lock_asker const asker_;
  timer pause_;
  interruption stop_;
};

}  // namespace holdfast::server
