#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace holdfast::server {

/// A secret that only the servers of a cluster know. It proves to the leader that a request comes from a standby.
/// Thread-safe.
class cluster_secret {
 public:
  cluster_secret() = default;
  cluster_secret(cluster_secret const&) = delete;
  cluster_secret& operator=(cluster_secret const&) = delete;

  void set(std::string text);

  /// Empty: not known yet.
  [[nodiscard]] std::string text() const;

  /// Compares in constant time. False while the secret is not known.
  [[nodiscard]] bool is(std::string_view given) const;

 private:
  mutable std::mutex mutex_;
  std::string text_;  // guarded by mutex_
};

}  // namespace holdfast::server
