#include "server/store/watch_hub.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace holdfast::server {
namespace {

constexpr std::size_t changes_at_once = 64;
constexpr std::size_t looked_at_max = 1024;  // of the history, per take()

}  // namespace

watch_hub::watch_hub(event_loop& loop, history& changes) : loop_(loop), changes_(changes), pause_(loop.get_executor()) {
  changes_.listen(*this);
}

watch_hub::~watch_hub() = default;

/// Changes are appended under the history's mutex, followed by a notification. So whoever appends sees that it is
/// armed, unless last_revision() already included the change.
void watch_hub::arm() {
  changed_.arm();
  if (changes_.last_revision() != position_) changed_.ring();
}

void watch_hub::dispatch() {
  if (count_ == 0) return;
  batch_.clear();
  if (changes_.take(position_, changes_at_once, batch_)) {
    for (auto const& one : batch_) hand_out(one);
    if (!batch_.empty()) position_ = batch_.back().revision;
  } else {
    // Each watcher finds out which changes are still available.
    position_ = changes_.last_revision();
    auto const leave_behind = [this](watchers_by_text& all) {
      for (auto& [text, some] : all)
        for (auto* const one : some) {
          one->is_behind_ = true;
          told_.push_back(one);
        }
    };
    for (auto* const each : {&data_, &locks_}) {
      leave_behind(each->by_key);
      for (auto& [length, all] : each->by_prefix) leave_behind(all);
    }
  }
  std::erase_if(expecting_, [this](watcher* one) {
    if (one->expected_ > position_) return false;
    told_.push_back(one);
    return true;
  });
  for (auto* const one : std::exchange(told_, {}))
    if (!std::exchange(one->is_told_, true)) one->on_news_();
  // After a full batch, the next follows as soon as others have had their turn.
  if (batch_.empty() || batch_.size() == changes_at_once) return arm();
  pause_.expires_after(pause_time);
  pause_.async_wait([this](boost::system::error_code error) {
    if (!error) dispatch();
  });
}

void watch_hub::hand_out(change const& one) {
  auto const hand_to = [&](watchers_by_text const& all, std::string_view text) {
    auto const found = all.find(text);
    if (found == all.end()) return;
    for (auto* const each : found->second) {
      each->offer(one);
      told_.push_back(each);
    }
  };
  auto const& wanted = registry_of(one.space);
  hand_to(wanted.by_key, one.key);
  for (auto const& [length, all] : wanted.by_prefix) {
    if (length > one.key.size()) break;
    hand_to(all, std::string_view(one.key).substr(0, length));
  }
}

void watch_hub::add(watcher& one) {
  auto& wanted = registry_of(one.space_);
  (one.is_prefix_ ? wanted.by_prefix[one.key_.size()] : wanted.by_key)[one.key_].push_back(&one);
  if (count_++ != 0) return;
  // Nobody has followed the changes meanwhile.
  pause_.cancel();
  position_ = changes_.last_revision();
  arm();
}

void watch_hub::remove(watcher& one) noexcept {
  --count_;
  std::erase(told_, &one);
  std::erase(expecting_, &one);
  auto const remove_from = [&](watchers_by_text& all) {
    auto const found = all.find(one.key_);
    std::erase(found->second, &one);
    if (found->second.empty()) all.erase(found);
  };
  auto& wanted = registry_of(one.space_);
  if (!one.is_prefix_) return remove_from(wanted.by_key);
  auto const its = wanted.by_prefix.find(one.key_.size());
  remove_from(its->second);
  if (its->second.empty()) wanted.by_prefix.erase(its);
}

// --- a watcher -----------------------------------------------------------------------------------------------------

watch_hub::watcher::watcher(watch_hub& hub, std::string key, bool is_prefix, std::uint64_t after,
                            std::function<void()> on_news, keyspace space)
    : hub_(hub),
      key_(std::move(key)),
      is_prefix_(is_prefix),
      space_(space),
      on_news_(std::move(on_news)),
      taken_(after) {
  hub_.add(*this);
  is_behind_ = taken_ < hub_.position_;
}

void watch_hub::watcher::offer(change const& one) noexcept {
  if (is_behind_ || one.revision <= taken_) return;
  auto const bytes = history::bytes_of(one);
  if (!queue_.empty() && (queue_.size() >= queued_changes_max || queued_bytes_ + bytes > queued_bytes_max)) {
    is_behind_ = true;
    return;
  }
  try {
    queue_.push_back(one);
    queued_bytes_ += bytes;
  } catch (std::bad_alloc const&) {
    is_behind_ = true;
  }
}

watch_hub::watcher::state watch_hub::watcher::take(std::vector<change>& out) {
  is_told_ = false;
  if (!queue_.empty()) {
    taken_ = queue_.back().revision;
    out.insert(out.end(), std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
    queue_.clear();
    queued_bytes_ = 0;
    return is_behind_ ? state::more : state::in_step;
  }
  return is_behind_ ? catch_up(out) : state::in_step;
}

/// Reads a bounded part of the history, up to the hub's position.
watch_hub::watcher::state watch_hub::watcher::catch_up(std::vector<change>& out) {
  std::vector<change> batch;
  for (std::size_t looked_at = 0; looked_at < looked_at_max && taken_ < hub_.position_;) {
    batch.clear();
    if (!hub_.changes_.take(taken_, changes_at_once, batch) || batch.empty()) {
      taken_ = hub_.position_;
      is_behind_ = false;
      return state::lost;
    }
    for (auto& one : batch) {
      if (one.revision > hub_.position_) break;
      taken_ = one.revision;
      if (wants(one)) out.push_back(std::move(one));
    }
    looked_at += batch.size();
  }
  is_behind_ = taken_ < hub_.position_;
  return is_behind_ ? state::more : state::in_step;
}

}  // namespace holdfast::server
