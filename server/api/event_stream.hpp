#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/insight/insight.hpp"
#include "server/store/live_settings.hpp"

namespace holdfast::server {

/// What one consumer of the lock's events is sent, as text; knows no socket. It keeps nothing but how far the consumer
/// has come, so a slow one costs no memory: it misses events, and gets their number. The events' texts are the feed's,
/// so another consumer costs little but their copies. One thread.
class event_stream {
 public:
  /// So many events a second are sent at most, and a longer burst at the beginning, where a consumer catches up.
  static constexpr std::uint64_t events_per_second_max = 20'000;
  static constexpr std::int64_t silence_ns_max = 5'000'000'000;
  /// A message has at most this many commits.
  static constexpr std::size_t commits_at_once = 512;
  /// append_news() stops after the message with which it has written this many bytes.
  static constexpr std::size_t bytes_at_once = 64 * 1024;

  /// Both must outlive it. @param after the number of the last event that the consumer has seen; empty: it wants those
  /// that come from now on.
  event_stream(insight& source, live_settings const& settings, event_format format, std::optional<std::uint64_t> after);

  /// Appends the first message.
  void append_hello(std::string& out, std::int64_t now_ns);
  /// The events that a client asks to continue behind were another process's: what came behind them is lost.
  void append_lost(std::string& out);

  /// Appends what has happened since the last call; nothing where nothing has, or a heartbeat where that has been so
  /// for long. @return whether there is more to be had at once.
  bool append_news(std::string& out, std::int64_t now_ns);

 private:
  void append(std::string& out, std::string_view type, std::string_view json);
  bool append_commits(std::string& out);
  [[nodiscard]] std::string settings_json() const;

  insight& source_;
  live_settings const& settings_;
  event_format const format_;
  std::uint64_t next_;  // the number of the event that it gets next
  std::uint64_t next_commit_;
  std::uint64_t settings_version_;
  std::int64_t told_at_ns_ = 0;
  std::int64_t refilled_at_ns_ = 0;
  std::uint64_t allowed_ = lock_feed::events_max;  // events that may be sent now
};

}  // namespace holdfast::server
