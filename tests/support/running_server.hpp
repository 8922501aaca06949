#pragma once

#include <optional>
#include <thread>

#include "server/server.hpp"

namespace holdfast::tests {

/// The real server on a port of its own, in this process, so that sanitizers see it. Drained by the destructor.
class running_server {
 public:
  /// Defaults for tests: two threads, no writer, any free port.
  [[nodiscard]] static server::settings test_settings() {
    server::settings settings;
    settings.listen_port = 0;
    settings.threads = 2;
    settings.writer_period = {};
    return settings;
  }

  explicit running_server(server::settings settings = test_settings())
      : server_(std::in_place, std::move(settings)), thread_([this] { server_->run(); }) {}
  ~running_server() { join(); }
  running_server(running_server const&) = delete;
  running_server& operator=(running_server const&) = delete;

  [[nodiscard]] std::uint16_t port() const { return server_->endpoint().port(); }

  /// Begins to drain; again: cuts short.
  void stop() { server_->stop(); }

  /// Waits until run() has returned.
  void join() {
    if (!thread_.joinable()) return;
    server_->stop();
    thread_.join();
  }

 private:
  std::optional<server::server> server_;
  std::thread thread_;
};

}  // namespace holdfast::tests
