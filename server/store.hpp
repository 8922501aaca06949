#pragma once

#include <atomic>
#include <cstdint>
#include <holdfast/sync/guarded.hpp>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/error.hpp"
#include "protocol/lock_timing.hpp"
#include "protocol/operation.hpp"
#include "server/asio.hpp"
#include "server/database.hpp"
#include "server/insight/lock_recorder.hpp"
#include "server/interruption.hpp"

namespace holdfast::server {

/// What became of one operation: its outcome or why it did not run, and how long it waited and held.
struct execution {
  protocol::result<protocol::outcome> outcome;
  protocol::lock_timing timing;
  std::chrono::steady_clock::time_point ended_at{};
  std::uint64_t id = 0;  ///< what the lock's events call it; 0: nobody watches
};

/// A value that was read while the lock was free.
struct reading {
  std::uint64_t revision = 0;
  protocol::json_text shared;  ///< the value, where it is not copied
  std::string_view copied;
  protocol::lock_timing timing;
  std::chrono::steady_clock::time_point ended_at{};
  std::uint64_t id = 0;  ///< as an execution's

  [[nodiscard]] std::string_view content() const { return shared ? std::string_view(*shared) : copied; }
};

/// The database behind its awaitable lock, and what happens around an operation: acquire, apply, hold, release.
/// Any thread may call any function; the executor that awaits is the one that is resumed.
class store {
 public:
  /// @param waiters_max how many operations may wait for the lock at once; one more is refused with errc::queue_full.
  explicit store(std::size_t waiters_max) : waiters_max_(waiters_max) {}

  /// Runs an operation that wants no hold, if the lock is free this instant. Never suspends.
  /// @return nothing when it would have to wait; then nothing has happened.
  /// @param value_bytes_max a longer value is left to be read by another call: then, too, nothing has happened.
  std::optional<execution> try_execute(protocol::operation const& operation, lock_asker const& asker = {},
                                       std::size_t value_bytes_max = std::numeric_limits<std::size_t>::max());

  /// As try_execute() of a GET, but with nothing put together that such a request does not need. A value that fits into
  /// `room` is copied there while the lock is held, since counting its readers costs more, and two threads that count
  /// those of the same value would pull it to and fro.
  /// @return nothing also where there is no such key.
  std::optional<reading> try_read(std::string_view key, lock_asker const& asker, std::span<char> room,
                                  std::size_t value_bytes_max);

  /// Runs an operation: takes its place in the lock's queue now, applies it once the lock is granted, keeps the lock
  /// for terms.hold, releases it. `operation` and `stop` must outlive the await. `stop` ends a wait (nothing has
  /// changed: errc::draining) or a hold (the outcome stays). errc::lock_timeout and errc::queue_full say the rest.
  /// A place in the queue is counted by who asks on several threads in the same instant: two may swap their numbers.
  awaitable<execution> execute(protocol::operation const& operation, protocol::lock_terms terms, interruption& stop,
                               lock_asker asker = {});

  /// For those that are no requests: the periodic writer, which waits beside them by a waiter_place.
  [[nodiscard]] sync::guarded<database>& data() noexcept { return data_; }

  /// One more that waits, for as long as this lives, unless there are enough already.
  class waiter_place {
   public:
    /// @param is_limited false: takes its place also where no request would get one.
    explicit waiter_place(store& waited_for, bool is_limited = true) noexcept;
    ~waiter_place() {
      if (is_taken_) count_.fetch_sub(1, std::memory_order_relaxed);
    }
    waiter_place(waiter_place const&) = delete;
    waiter_place& operator=(waiter_place const&) = delete;

    [[nodiscard]] bool is_taken() const noexcept { return is_taken_; }
    /// How many there are, with this one, so that 1 is granted next; of one that is not taken, what it would be.
    [[nodiscard]] std::uint32_t position() const noexcept { return position_; }

   private:
    std::atomic<std::size_t>& count_;
    bool is_taken_ = false;
    std::uint32_t position_ = 0;
  };

 private:
  sync::guarded<database> data_;
  std::size_t const waiters_max_;
  std::atomic<std::size_t> waiters_{0};
};

}  // namespace holdfast::server
