#include "server/cluster/checkpoint.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "server/journal/record_codec.hpp"

namespace holdfast::server {

namespace {

/// A new leader writes what it inherited sooner, so that the log stays bounded when leaders change often.
constexpr std::uint64_t haste_of_new_leader = 4;

}  // namespace

std::size_t bytes_of(etcd_step const& step) noexcept {
  constexpr std::size_t beside_them = 16;
  return step.key.size() + step.range_end.size() + step.value.size() + beside_them;
}

void checkpoint::take_over(std::uint64_t last_record) {
  begin(last_record);
  haste_ = haste_of_new_leader;
}

void checkpoint::grow(std::size_t bytes, std::uint64_t last_record, std::uint64_t log_bytes_max) {
  if (!is_under_way_ && grown_ >= log_bytes_max) {
    unwritten_.swap(changed_);
    begin(last_record);
  }
  spread_ = std::max<std::uint64_t>(log_bytes_max / haste_, 1);
  grown_ += bytes + bytes_beside_record;
}

void checkpoint::begin(std::uint64_t last_record) {
  is_under_way_ = true;
  until_ = last_record;
  grown_ = 0;
  haste_ = 1;
  total_ = unwritten_.size();
}

void checkpoint::add(std::span<change const> batch) {
  for (auto const& one : batch) {
    auto& last = changed_[record::tag_of(one.space) + one.key];
    last = {};
    if (one.what != change::kind::put && one.what != change::kind::touch) continue;
    assert(one.value);
    last = {.version = one.version(), .expires_at = one.expires_at, .value = one.value};
  }
}

std::vector<etcd_step> checkpoint::portion(std::size_t steps_max, std::size_t bytes_max) {
  std::vector<etcd_step> some;
  if (!is_under_way_) return some;
  auto const due = grown_ >= spread_ ? total_ : total_ * grown_ / spread_;
  for (std::size_t bytes = 0; some.size() < steps_max;) {
    if (steps_.empty()) {
      if (unwritten_.empty() || total_ - unwritten_.size() >= due) break;
      auto const next = unwritten_.extract(unwritten_.begin());
      expand(next.key(), next.mapped());
    }
    bytes += bytes_of(steps_.front());
    if (bytes > bytes_max) break;
    some.push_back(std::move(steps_.front()));
    steps_.pop_front();
  }
  return some;
}

void checkpoint::expand(std::string const& key, state const& last) {
  auto const rest_key = [&](std::size_t number) {
    auto const digits = std::to_string(number);
    return rests_ + std::string(10 - digits.size(), '0') + digits + key;
  };
  std::size_t parts = 0;
  if (last.value) {
    auto const& text = *last.value;
    etcd_step entry{.what = etcd_step::kind::put, .key = entries_ + key};
    change put;
    put.revision = last.version;
    put.expires_at = last.expires_at;
    record::write_entry_prefix(entry.value, put);
    entry.value += text.substr(0, part_bytes_max);
    steps_.push_back(std::move(entry));
    for (auto at = part_bytes_max; at < text.size(); at += part_bytes_max)
      steps_.push_back(
          {.what = etcd_step::kind::put, .key = rest_key(parts++), .value = text.substr(at, part_bytes_max)});
  } else {
    steps_.push_back({.what = etcd_step::kind::remove, .key = entries_ + key});
  }
  auto const before = continuations_.find(key);
  if (before != continuations_.end())
    for (auto left = parts; left < before->second; ++left)
      steps_.push_back({.what = etcd_step::kind::remove, .key = rest_key(left)});
  if (parts != 0)
    continuations_[key] = parts;
  else if (before != continuations_.end())
    continuations_.erase(before);
}

std::optional<std::uint64_t> checkpoint::finish() {
  if (!is_under_way_ || !is_written()) return std::nullopt;
  is_under_way_ = false;
  return until_ + 1;
}

}  // namespace holdfast::server
