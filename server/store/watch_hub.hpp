#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/journal/history.hpp"
#include "server/loop/event_loop.hpp"
#include "server/loop/timer.hpp"
#include "server/loop/wake_up.hpp"

namespace holdfast::server {

/// The watchers of one thread, of keys and of named locks. The hub reads the history in batches, at most once per
/// millisecond, and passes each change to the watchers of its key. It looks up the key and each watched length of
/// prefix, so watchers of other keys cost nothing. Runs on the loop's thread, except where noted. A watcher that takes
/// its changes promptly is in step. One that does not, or that begins in the past, is behind: it reads the history by
/// itself until it has caught up (like the synced and unsynced watchers of etcd's mvcc). So memory for slow watchers is
/// bounded, and they delay nobody.
class watch_hub final : private history::listener {
 public:
  /// Both must outlive it.
  watch_hub(event_loop& loop, history& changes);
  ~watch_hub();
  watch_hub(watch_hub const&) = delete;
  watch_hub& operator=(watch_hub const&) = delete;

  static constexpr std::chrono::milliseconds pause_time{1};
  static constexpr std::size_t queued_changes_max = 256;        // for one watcher
  static constexpr std::uint64_t queued_bytes_max = 64 * 1024;  // for one watcher, unless a single change is larger

  /// The latest change. Any thread.
  [[nodiscard]] std::uint64_t last_revision() const { return changes_.last_revision(); }
  /// True if all changes after a revision are available. Any thread.
  [[nodiscard]] bool knows_all_after(std::uint64_t revision) const { return revision + 1 >= changes_.first_revision(); }

  class watcher;

 private:
  friend class watcher;

  void on_change() noexcept override { changed_.ring(); }
  void dispatch();
  void hand_out(change const& one);
  void arm();
  void add(watcher& one);
  void remove(watcher& one) noexcept;

  using watchers = std::vector<watcher*>;
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  using watchers_by_text = std::unordered_map<std::string, watchers, text_hash, std::equal_to<>>;
  struct registry {
    watchers_by_text by_key;
    std::map<std::size_t, watchers_by_text> by_prefix;  // by the length of the prefix
  };
  [[nodiscard]] registry& registry_of(keyspace space) noexcept { return space == keyspace::locks ? locks_ : data_; }

  event_loop& loop_;
  history& changes_;
  wake_up changed_{loop_, [this] { dispatch(); }};
  timer pause_;
  registry data_, locks_;
  std::size_t count_ = 0;
  std::uint64_t position_ = 0;  // changes up to this one have been passed on
  std::vector<change> batch_;
  watchers told_;       // watchers with news in this batch
  watchers expecting_;  // watchers that expect a revision after position_
};

/// Follows the changes of a key, or of all keys with a prefix, in order and without gaps.
class watch_hub::watcher {
 public:
  /// @param after begins after this revision. @param on_news called when changes are available, once until the next
  /// take(). The hub must outlive it. @param space data or locks.
  watcher(watch_hub& hub, std::string key, bool is_prefix, std::uint64_t after, std::function<void()> on_news,
          keyspace space = keyspace::data);
  ~watcher() { hub_.remove(*this); }
  watcher(watcher const&) = delete;
  watcher& operator=(watcher const&) = delete;

  enum class state {
    in_step,  ///< everything up to revision() was taken
    more,     ///< more is available: call again
    lost,     ///< changes after the last one taken have been forgotten; continues with the next available change
  };

  /// Appends changes in order.
  [[nodiscard]] state take(std::vector<change>& out);

  /// True if take() has work.
  [[nodiscard]] bool has_news() const noexcept { return is_behind_ || !queue_.empty(); }

  /// Reports news once, too, when the changes up to this revision have been passed on, even if none concerns this
  /// watcher. Call it at most once, with a revision that has not been passed on.
  void expect(std::uint64_t revision) {
    expected_ = revision;
    hub_.expecting_.push_back(this);
  }

  /// Everything up to this revision has been taken.
  [[nodiscard]] std::uint64_t revision() const noexcept { return has_news() ? taken_ : hub_.position_; }

 private:
  friend class watch_hub;

  [[nodiscard]] bool wants(change const& one) const noexcept {
    return one.space == space_ && (is_prefix_ ? one.key.starts_with(key_) : one.key == key_);
  }
  void offer(change const& one) noexcept;
  state catch_up(std::vector<change>& out);

  watch_hub& hub_;
  std::string const key_;
  bool const is_prefix_;
  keyspace const space_;
  std::function<void()> const on_news_;
  std::vector<change> queue_;
  std::uint64_t queued_bytes_ = 0;
  std::uint64_t taken_;
  std::uint64_t expected_ = 0;
  bool is_behind_ = false;
  bool is_told_ = false;
};

}  // namespace holdfast::server
