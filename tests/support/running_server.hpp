#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "server/app/settings.hpp"
#include "server/journal/commit_queue.hpp"
#include "server/journal/journal.hpp"

namespace holdfast::tests {

class raw_client;

/// The real server on its own port in this process, so that sanitizers check it. The destructor drains it.
class running_server {
 public:
  /// Defaults for tests: two threads, no writer, any free port.
  [[nodiscard]] static server::settings test_settings();

  /// @param kept the journal for its data; null for in memory, or as in the settings. @param commits for that journal
  explicit running_server(server::settings settings = test_settings(), std::unique_ptr<server::journal> kept = nullptr,
                          server::commit_settings const& commits = {});
  ~running_server();
  running_server(running_server const&) = delete;
  running_server& operator=(running_server const&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  /// Waits until every server thread has completed its current work. A request whose bytes had arrived before has then
  /// entered the lock's queue, if it needs the lock. Relies on the listener distributing connections to the threads in
  /// turn, so no other client may connect meanwhile.
  void settle() const;

  /// Sends `bytes`, a request that will wait for the lock or hold it, and waits until it has asked for the lock:
  /// requests sent afterwards come behind it. Its answer is the next one that `client` receives.
  void ask_for_lock(raw_client& client, std::string_view bytes) const;

  /// True if the lock is owned at this moment.
  [[nodiscard]] bool is_lock_taken() const;

  /// Reloads as on SIGHUP.
  void reload();

  /// A client of this server, with TLS if the server uses it; accepts any certificate.
  [[nodiscard]] raw_client connect() const;

  /// Begins to drain; a second call cuts the drain short.
  void stop();

  /// True if the server ends within `time`. Call stop() first.
  [[nodiscard]] bool ends_within(std::chrono::milliseconds time);

  /// Calls stop() if necessary, and waits until run() has returned.
  void join();

  /// The exit status that its process would have. Valid after join() or ends_within().
  [[nodiscard]] int exit_status() const;

 private:
  class impl;
  std::unique_ptr<impl> impl_;
  std::uint16_t port_;
  unsigned threads_;
  bool is_tls_;
};

}  // namespace holdfast::tests
