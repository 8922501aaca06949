#pragma once

#include <mutex>

#include "server/net/file_watch.hpp"
#include "tls/context.hpp"

namespace holdfast::server {

/// For a standby's TLS connections to the leader: the trusted authorities, and the certificate to show. Reloaded when
/// the files change.
class leader_trust {
 public:
  /// @throws tls::error if the files are not usable.
  explicit leader_trust(tls::client_trust files);

  /// The context for new connections; existing connections keep theirs. Thread-safe.
  [[nodiscard]] tls::context current() const;

  // On one thread:

  /// Reads the files again. If they are not usable, logs that and keeps the previous ones.
  void reload();

  /// Call periodically. Reloads if the files have changed; see file_watch.
  void look();

 private:
  tls::client_trust const files_;
  file_watch watch_;
  mutable std::mutex mutex_;
  tls::context current_;  // guarded by mutex_
};

}  // namespace holdfast::server
