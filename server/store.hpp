#pragma once

#include <atomic>
#include <cstdint>
#include <holdfast/sync/guarded.hpp>
#include <optional>

#include "protocol/error.hpp"
#include "protocol/lock_timing.hpp"
#include "protocol/operation.hpp"
#include "server/asio.hpp"
#include "server/database.hpp"
#include "server/interruption.hpp"

namespace holdfast::server {

/// What became of one operation: its outcome or why it did not run, and how long it waited and held.
struct execution {
  protocol::result<protocol::outcome> outcome;
  protocol::lock_timing timing;
};

/// The database behind its awaitable lock, and what happens around an operation: acquire, apply, hold, release.
/// Any thread may call any function; the executor that awaits is the one that is resumed.
class store {
 public:
  /// @param waiters_max how many operations may wait for the lock at once; one more is refused with errc::queue_full.
  explicit store(std::size_t waiters_max) : waiters_max_(waiters_max) {}

  /// Runs an operation that wants no hold, if the lock is free this instant. Never suspends.
  /// @return nothing when it would have to wait; then nothing has happened.
  std::optional<execution> try_execute(protocol::operation const& operation);

  /// Runs an operation: takes its place in the lock's queue now, applies it once the lock is granted, keeps the lock
  /// for terms.hold, releases it. `operation` and `stop` must outlive the await. `stop` ends a wait (nothing has
  /// changed: errc::draining) or a hold (the outcome stays). errc::lock_timeout and errc::queue_full say the rest.
  awaitable<execution> execute(protocol::operation const& operation, protocol::lock_terms terms, interruption& stop);

  /// For those that are no requests: the periodic writer.
  [[nodiscard]] sync::guarded<database>& data() noexcept { return data_; }

 private:
  sync::guarded<database> data_;
  std::size_t const waiters_max_;
  std::atomic<std::size_t> waiters_{0};
};

}  // namespace holdfast::server
