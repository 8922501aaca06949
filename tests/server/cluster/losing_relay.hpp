#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace holdfast::tests {

/// Stands between a client and etcd, both on the loopback, and can lose an answer: etcd has carried out what it was
/// asked, and the client finds its connection closed.
class losing_relay {
 public:
  explicit losing_relay(std::string const& url_of_etcd);
  ~losing_relay();
  losing_relay(losing_relay const&) = delete;
  losing_relay& operator=(losing_relay const&) = delete;

  [[nodiscard]] std::string const& url() const noexcept { return url_; }

  /// Loses the next answers.
  void lose(int answers) { to_lose_ = answers; }
  /// How many answers are still to be lost.
  [[nodiscard]] int left_to_lose() const { return to_lose_; }

 private:
  void run();

  std::uint16_t etcd_port_;
  int listening_, stop_;
  std::string url_;
  std::atomic<int> to_lose_{0};
  std::thread thread_;
};

}  // namespace holdfast::tests
