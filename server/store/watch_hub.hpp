#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/loop/event_loop.hpp"
#include "server/loop/timer.hpp"
#include "server/loop/wake_up.hpp"
#include "server/store/history.hpp"

namespace holdfast::server {

/// One thread's watchers of the database, of keys and of named locks. It reads the history in batches, at most every
/// millisecond, and hands each change to the watchers of its key: it looks up the key and each length of prefix that is
/// watched, so that watchers of other keys cost nothing. On the loop's thread, but for what says so.
///
/// A watcher that takes what it is handed is in step. One that does not, or that begins in the past, is behind: it
/// reads the history by itself until it has caught up (the synced and unsynced watchers of etcd's mvcc). So what is
/// kept for a slow one is bounded, and it delays nobody.
class watch_hub final : private history::listener {
 public:
  /// Both must outlive it.
  watch_hub(event_loop& loop, history& changes);
  ~watch_hub();
  watch_hub(watch_hub const&) = delete;
  watch_hub& operator=(watch_hub const&) = delete;

  static constexpr std::chrono::milliseconds pause_time{1};
  static constexpr std::size_t queued_changes_max = 256;        // of one watcher
  static constexpr std::uint64_t queued_bytes_max = 64 * 1024;  // of one watcher, but for a single change

  /// The latest change that there is. Any thread.
  [[nodiscard]] std::uint64_t last_revision() const { return changes_.last_revision(); }
  /// Whether all changes behind a revision are known. Any thread.
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
    std::map<std::size_t, watchers_by_text> by_prefix;  // by the prefix's length
  };
  [[nodiscard]] registry& registry_of(keyspace space) noexcept { return space == keyspace::locks ? locks_ : data_; }

  event_loop& loop_;
  history& changes_;
  wake_up changed_{loop_, [this] { dispatch(); }};
  timer pause_;
  registry data_, locks_;
  std::size_t count_ = 0;
  std::uint64_t position_ = 0;  // all changes up to it have been handed out
  std::vector<change> batch_;
  watchers told_;  // that have news of this batch
};

/// Someone who wants to know the changes of a key, or of all keys with a prefix, in order and without a gap.
class watch_hub::watcher {
 public:
  /// @param after changes behind this revision are wanted. @param on_news called when there is something to take, once
  /// until the next take(). The hub must outlive it. @param space data or locks.
  watcher(watch_hub& hub, std::string key, bool is_prefix, std::uint64_t after, std::function<void()> on_news,
          keyspace space = keyspace::data);
  ~watcher() { hub_.remove(*this); }
  watcher(watcher const&) = delete;
  watcher& operator=(watcher const&) = delete;

  enum class state {
    in_step,  ///< all up to revision() is taken
    more,     ///< call again
    lost,     ///< changes behind the last that was taken have been forgotten; it continues behind them
  };

  /// Appends changes in their order.
  [[nodiscard]] state take(std::vector<change>& out);

  /// Whether take() has something to do.
  [[nodiscard]] bool has_news() const noexcept { return is_behind_ || !queue_.empty(); }

  /// All that is wanted up to here has been taken.
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
  bool is_behind_ = false;
  bool is_told_ = false;
};

}  // namespace holdfast::server
