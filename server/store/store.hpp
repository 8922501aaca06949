#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <holdfast/sync/guarded.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "protocol/error.hpp"
#include "protocol/lock_timing.hpp"
#include "protocol/operation.hpp"
#include "server/insight/lock_recorder.hpp"
#include "server/loop/asio.hpp"
#include "server/loop/interruption.hpp"
#include "server/store/database.hpp"

namespace holdfast::server {

/// What became of one operation: its outcome or why it did not run, and how long it waited and held.
struct execution {
  protocol::result<protocol::outcome> outcome{protocol::no_such_key()};
  protocol::lock_timing timing;
  std::chrono::steady_clock::time_point ended_at{};
  std::uint64_t id = 0;  ///< what the lock's events call it; 0: nobody watches
};

/// A value that was read.
struct reading {
  std::uint64_t revision = 0;
  protocol::json_text value;
  protocol::lock_timing timing;
  std::chrono::steady_clock::time_point ended_at{};
  std::uint64_t id = 0;  ///< as an execution's
};

/// The database behind its awaitable lock, and what happens around an operation: acquire, apply, hold, release.
/// Any thread may call any function; the executor that awaits is the one that is resumed.
class store {
 public:
  /// What is done to the database while the lock is held; must not throw but for lack of memory, and must be brief.
  using section = std::function<protocol::outcome(database&)>;

  /// @param waiters_max how many operations may wait for the lock at once; one more is refused with errc::queue_full.
  /// @param data_bytes_max what keys and values may take; see database.
  store(std::size_t waiters_max, std::uint64_t data_bytes_max)
      : data_(std::in_place, data_bytes_max), waiters_max_(waiters_max), data_bytes_max_(data_bytes_max) {}

  /// Runs an operation that wants no hold, if the lock is free, or is in an instant. Never suspends.
  /// @param done what it came to. @return false when it would have to wait; then nothing has happened.
  [[nodiscard]] bool try_execute(protocol::operation const& operation, lock_asker const& asker, execution& done);

  /// As try_execute() of a GET, but with nothing put together that such a request does not need.
  /// @return false also where there is no such key; then nothing has happened.
  [[nodiscard]] bool try_read(std::string_view key, lock_asker const& asker, reading& done);

  /// Runs an operation: takes its place in the lock's queue now, applies it once the lock is granted, keeps the lock
  /// for terms.hold, releases it. `operation` and `stop` must outlive the await. `stop` ends a wait (nothing has
  /// changed: errc::draining) or a hold (the outcome stays). errc::lock_timeout and errc::queue_full say the rest.
  ///
  /// An operation without a hold waits as a function, which whoever releases the lock runs for it: so the lock never
  /// waits until a thread has woken up. A stop that comes when it has run already comes too late: the outcome stays.
  ///
  /// A place in the queue is counted by who asks on several threads in the same instant: two may swap their numbers.
  awaitable<execution> execute(protocol::operation const& operation, protocol::lock_terms terms, interruption& stop,
                               lock_asker asker = {});

  /// The same for what is no request. @param key what it concerns, for whoever watches. Waits also where no request
  /// would be let into the queue.
  awaitable<execution> run(std::string_view key, section const& what, interruption& stop, lock_asker asker);

  /// How much keys and values take.
  [[nodiscard]] std::uint64_t data_bytes() const noexcept { return data_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t data_bytes_max() const noexcept { return data_bytes_max_; }

 private:
  /// One more that waits, for as long as this lives or until it leaves, unless there are enough already.
  class waiter_place {
   public:
    /// @param is_limited false: takes its place also where no request would get one.
    waiter_place(store& waited_for, bool is_limited) noexcept;
    ~waiter_place() { leave(); }
    waiter_place(waiter_place const&) = delete;
    waiter_place& operator=(waiter_place const&) = delete;

    void leave() noexcept {
      if (std::exchange(is_taken_, false)) count_.fetch_sub(1, std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_taken() const noexcept { return is_taken_; }
    /// How many there are, with this one, so that 1 is granted next; of one that is not taken, what it would be.
    [[nodiscard]] std::uint32_t position() const noexcept { return position_; }

   private:
    std::atomic<std::size_t>& count_;
    bool is_taken_ = false;
    std::uint32_t position_ = 0;
  };

  awaitable<execution> visit_lock(std::string_view key, section const& what, protocol::lock_terms terms,
                                  interruption& stop, lock_asker asker, bool is_limited);
  protocol::outcome apply(database& data, protocol::operation const& operation);

  sync::guarded<database> data_;
  std::size_t const waiters_max_;
  std::uint64_t const data_bytes_max_;
  std::atomic<std::size_t> waiters_{0};
  std::atomic<std::uint64_t> data_bytes_{0};  // written only by whoever owns the lock
};

}  // namespace holdfast::server
