#pragma once

#include <chrono>
#include <memory>

#include "server/forward/upstream_pool.hpp"
#include "tests/support/raw_client.hpp"

namespace holdfast::tests {

/// A server with one thread in this process that forwards to the leader that its leader_directory names. By itself it
/// answers the probes.
class running_standby {
 public:
  /// @param read_patience, trust, secret as in forward_settings
  explicit running_standby(std::chrono::nanoseconds read_patience = std::chrono::hours(1),
                           server::leader_trust* trust = nullptr, server::cluster_secret const* secret = nullptr);
  ~running_standby();
  running_standby(running_standby const&) = delete;
  running_standby& operator=(running_standby const&) = delete;

  [[nodiscard]] server::leader_directory& leaders() noexcept;
  [[nodiscard]] server::forward_figures const& figures() const noexcept;
  [[nodiscard]] raw_client connect(int receive_buffer_bytes = 0) const;

  /// Waits until the thread has done what has been asked of it so far.
  void settle() const;

  /// Begins to drain; hurry() ends the time for that.
  void drain();
  void hurry();

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace holdfast::tests
