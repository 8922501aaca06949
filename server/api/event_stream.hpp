#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/insight/insight.hpp"
#include "server/store/live_settings.hpp"

namespace holdfast::server {

/// Produces the text of the lock's events for one consumer; does no I/O. It keeps only the consumer's position, so a
/// slow consumer costs no memory: it misses events and gets their number. The texts are shared by all consumers, so a
/// further consumer costs only copies of them. One thread.
class event_stream {
 public:
  /// Maximum number of events per second, and of a burst at the beginning, when a consumer catches up.
  static constexpr std::uint64_t events_per_second_max = 20'000;
  static constexpr std::int64_t silence_ns_max = 5'000'000'000;
  /// Maximum number of commits in a message.
  static constexpr std::size_t commits_at_once = 512;
  /// append_news() stops after the message that reaches this number of bytes.
  static constexpr std::size_t bytes_at_once = 64 * 1024;

  /// Both must outlive it. @param after number of the last event that the consumer has seen; nullopt: begin with new
  /// events.
  event_stream(insight& source, live_settings const& settings, event_format format, std::optional<std::uint64_t> after);

  /// Appends the first message.
  void append_hello(std::string& out, std::int64_t now_ns);
  /// The event ids of the client are from another process; the events after them are lost.
  void append_lost(std::string& out);

  /// Appends what has happened since the last call: nothing if there is nothing new, or a heartbeat if that has lasted
  /// long.
  /// @return true if more is available at once.
  bool append_news(std::string& out, std::int64_t now_ns);

 private:
  void append(std::string& out, std::string_view type, std::string_view json);
  bool append_commits(std::string& out);
  [[nodiscard]] std::string settings_json() const;

  insight& source_;
  live_settings const& settings_;
  event_format const format_;
  std::uint64_t next_;  // number of its next event
  std::uint64_t next_commit_;
  std::uint64_t settings_version_;
  std::int64_t told_at_ns_ = 0;
  std::int64_t refilled_at_ns_ = 0;
  std::uint64_t allowed_ = lock_feed::events_max;  // number of events that may be sent now
};

}  // namespace holdfast::server
