#pragma once

#include <cstdint>
#include <string>

#include "tests/support/raw_client.hpp"

namespace holdfast::tests {

/// A leader whose every byte the test sends. Every wait has raw_client's time limit.
class leader_double {
 public:
  leader_double();
  ~leader_double();
  leader_double(leader_double const&) = delete;
  leader_double& operator=(leader_double const&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// The next connection that a standby has made.
  [[nodiscard]] raw_client accept() const;
  /// True if a standby has made another connection.
  [[nodiscard]] bool has_another() const;

  /// Refuses connections from now on.
  void stop_listening();

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

}  // namespace holdfast::tests
