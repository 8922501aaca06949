#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "client/resuming_stream.hpp"

namespace holdfast::client::watch {

enum class change_kind {
  put,
  removed,
  expired,
  live,      ///< with watch_settings::initial: the initial values are complete
  lost,      ///< changes are missing here: the server was restarted or restored, or no longer has them
  progress,  ///< a heartbeat; watch::next() does not return it
};

/// A change of a key.
struct change {
  change_kind kind = change_kind::put;
  std::string id;                         ///< `<database>-<revision>`
  std::string key;                        ///< for put, removed and expired
  std::uint64_t revision = 0;             ///< increases with each change
  std::optional<std::uint64_t> previous;  ///< the previous revision of the key; nullopt: it did not exist
  std::string value;                      ///< for put: JSON text, byte for byte
  std::optional<double> ttl_s;            ///< for put: seconds until it expires; nullopt: never
  std::string json;                       ///< as received, one line
};

struct watch_settings {
  resuming_stream::settings stream;
  std::string prefix{};                 ///< start of the keys; empty: all
  std::optional<std::string> key{};     ///< only this key
  bool initial = false;                 ///< begin with the present values
  std::optional<std::uint64_t> from{};  ///< also changes after this revision
  std::string after{};                  ///< id of the last known change; takes precedence over `from`
};

/// The changes of a server's keys as a sequence without gaps and repetitions. After a lost connection it continues with
/// the next change; changes that are no longer available are reported as `lost`. With settings.initial, the present
/// values follow `lost` again.
///
///     watch changes(executor, settings);
///     for (;;) {
///       auto const change = co_await changes.next();
///       if (!change) break;  // the first connection failed, or the server refuses
///       …
///     }
///
/// For one coroutine, on the given executor.
class watch {
 public:
  watch(executor on, watch_settings settings);

  /// The next change. @return an error if the first connection fails, if the server refuses (with settings.from: 410
  /// history_compacted), or after settings.stream.timeout
  awaitable<result<change>> next();

  /// Called each time a connection is lost, with the reason. It resumes by itself.
  std::function<void(std::string const&)> on_interruption;

  /// The id with which another watch would continue; empty if there is none yet.
  [[nodiscard]] std::string const& last_id() const { return last_id_; }

  /// Ends a pending call.
  void close() { stream_.close(); }

 private:
  [[nodiscard]] resuming_stream::request request() const;
  [[nodiscard]] bool is_news(change const& one);
  [[nodiscard]] change loss() const;

  watch_settings settings_;
  resuming_stream stream_;
  std::string last_id_;
  std::uint64_t last_revision_ = 0;
  bool is_live_;                     // the initial values are complete
  bool has_shown_ = false;           // number of entries since the snapshot began
  bool has_gap_ = false;             // to be reported after the next connection
  std::optional<change> set_aside_;  // to be returned next
};

/// Parses a line of the server. @return nullopt for an event that this client does not know; error_kind::bad_answer if
/// it is no event.
[[nodiscard]] result<std::optional<change>> read_change(std::string line);

/// A change as a line for people, without a line feed: `put  users/ann  17  {"name":"Ann"}`.
[[nodiscard]] std::string text_of(change const& one);

}  // namespace holdfast::client::watch
