#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "server/app/settings.hpp"
#include "server/journal/journal.hpp"

namespace holdfast::tests {

class raw_client;

/// The real server on a port of its own, in this process, so that sanitizers see it. Drained by the destructor.
class running_server {
 public:
  /// Defaults for tests: two threads, no writer, any free port.
  [[nodiscard]] static server::settings test_settings();

  /// @param kept where it keeps its data; null: in memory, or as the settings say
  explicit running_server(server::settings settings = test_settings(), std::unique_ptr<server::journal> kept = nullptr);
  ~running_server();
  running_server(running_server const&) = delete;
  running_server& operator=(running_server const&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  /// Returns when each of the server's threads has gone on to something else than what it was doing: a request whose
  /// bytes had reached it by then has entered the lock's queue, if that is where it was bound for. Leans on the
  /// listener dealing connections to the threads in turn; so nobody else may connect meanwhile.
  void settle() const;

  /// Sends `bytes`, a request that will wait for the lock or hold it, and returns when it has been asked for: any
  /// request sent from then on comes behind it. Its answer is the next that `client` receives.
  void ask_for_lock(raw_client& client, std::string_view bytes) const;

  /// Whether somebody has the lock this instant.
  [[nodiscard]] bool is_lock_taken() const;

  /// As SIGHUP does.
  void reload();

  /// A client of this server, with TLS where the server speaks it; it trusts any certificate.
  [[nodiscard]] raw_client connect() const;

  /// Begins to drain; again: cuts short.
  void stop();

  /// Whether the server ends within `time`; it must have been told to stop.
  [[nodiscard]] bool ends_within(std::chrono::milliseconds time);

  /// Stops the server if that has not been done, and waits until run() has returned.
  void join();

  /// How its process would end; after join() or ends_within().
  [[nodiscard]] int exit_status() const;

 private:
  class impl;
  std::unique_ptr<impl> impl_;
  std::uint16_t port_;
  unsigned threads_;
  bool is_tls_;
};

}  // namespace holdfast::tests
