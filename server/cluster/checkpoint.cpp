#include "server/cluster/checkpoint.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "server/journal/record_codec.hpp"

namespace holdfast::server {

namespace {

/// The bytes of the log within which a new leader writes what it inherited: the fewer, the longer the log is already,
/// so that it stays bounded when leaders change often.
std::uint64_t spread_of_new_leader(std::uint64_t inherited, std::uint64_t log_bytes_max) {
  constexpr std::uint64_t most_share = 4, least_share = 64;
  return std::clamp(log_bytes_max - std::min(inherited, log_bytes_max), log_bytes_max / least_share,
                    log_bytes_max / most_share);
}

}  // namespace

std::size_t bytes_of(etcd_step const& step) noexcept {
  constexpr std::size_t beside_them = 16;
  return step.key.size() + step.range_end.size() + step.value.size() + beside_them;
}

void checkpoint::take_over(std::uint64_t last_record, std::uint64_t log_bytes) {
  begin(last_record);
  inherited_ = log_bytes;
}

void checkpoint::begin_if_due(std::uint64_t last_record, std::uint64_t log_bytes_max) {
  if (is_under_way_ || grown_ < log_bytes_max) return;
  unwritten_.swap(changed_);
  begin(last_record);
}

void checkpoint::grow(std::size_t bytes, std::uint64_t log_bytes_max) {
  auto const spread = inherited_ ? spread_of_new_leader(*inherited_, log_bytes_max) : log_bytes_max;
  spread_ = std::max<std::uint64_t>(spread, 1);
  grown_ += record_bytes(bytes);
}

void checkpoint::begin(std::uint64_t last_record) {
  is_under_way_ = true;
  until_ = last_record;
  grown_ = 0;
  inherited_.reset();
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
