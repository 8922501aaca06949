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
  live,      ///< with watch_settings::initial: all that there was has come; from here on it is news
  lost,      ///< changes are missing here: the server was restarted or restored, or no longer has them
  progress,  ///< nothing happened; watch::next() keeps it to itself
};

/// Something that happened to a key.
struct change {
  change_kind kind = change_kind::put;
  std::string id;                         ///< `<database>-<revision>`
  std::string key;                        ///< of put, removed and expired
  std::uint64_t revision = 0;             ///< grows from one change to the next
  std::optional<std::uint64_t> previous;  ///< the revision that the key had before; empty: it did not exist
  std::string value;                      ///< of put: JSON text, byte for byte
  std::optional<double> ttl_s;            ///< of put: seconds until it expires; empty: it does not
  std::string json;                       ///< as the server sent it, one line
};

struct watch_settings {
  resuming_stream::settings stream;
  std::string prefix{};                 ///< of the keys; empty: all
  std::optional<std::string> key{};     ///< this key alone
  bool initial = false;                 ///< first what there is
  std::optional<std::uint64_t> from{};  ///< also what came after this revision
  std::string after{};                  ///< the id of the last change that was seen; wins over `from`
};

/// The changes of the keys of a server as a sequence without gaps: where a connection breaks, it opens another one and
/// continues behind the last change; what is no longer available is reported as `lost`. With
/// settings.initial, what there is follows `lost` once more. Each change comes once.
///
///     watch changes(executor, settings);
///     for (;;) {
///       auto const change = co_await changes.next();
///       if (!change) break;  // the first connection failed, or the server refuses
///       …
///     }
///
/// For one coroutine, on the executor given.
class watch {
 public:
  watch(executor on, watch_settings settings);

  /// The next change. @return an error where the first connection fails, where the server refuses (with settings.from,
  /// 410 history_compacted), or where settings.stream.timeout is over
  awaitable<result<change>> next();

  /// Called each time a connection was lost, with the reason. It resumes by itself.
  std::function<void(std::string const&)> on_interruption;

  /// The id from which another watch would continue; empty as long as there is none.
  [[nodiscard]] std::string const& last_id() const { return last_id_; }

  /// Ends what is awaited.
  void close() { stream_.close(); }

 private:
  [[nodiscard]] resuming_stream::request request() const;
  [[nodiscard]] bool is_news(change const& one);
  [[nodiscard]] change loss() const;

  watch_settings settings_;
  resuming_stream stream_;
  std::string last_id_;
  std::uint64_t last_revision_ = 0;
  bool is_live_;                     // no longer in the middle of what there was
  bool has_shown_ = false;           // something since the snapshot began
  bool has_gap_ = false;             // to be reported as soon as there is a connection again
  std::optional<change> set_aside_;  // comes behind what was returned
};

/// Reads a line of the server. @return nothing for what is no change
[[nodiscard]] std::optional<change> read_change(std::string line);

/// A change as a line for people, without a line feed: `put  users/ann  17  {"name":"Ann"}`.
[[nodiscard]] std::string text_of(change const& one);

}  // namespace holdfast::client::watch
