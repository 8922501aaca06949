#include "server/access/rate_limits.hpp"

#include <algorithm>

namespace holdfast::server {
namespace {

using std::chrono::nanoseconds;
constexpr nanoseconds burst = std::chrono::seconds(1);
/// Upper bound of a debt: a larger one would never be paid off and would overflow the clock.
constexpr nanoseconds debt_max = std::chrono::hours(24 * 365);

/// Time from `now` until the bucket is no longer empty.
nanoseconds time_until_usable(rate_limits::clock::time_point full, rate_limits::clock::time_point now) {
  return std::max(nanoseconds(0), full - now - burst);
}

/// Time in which the rate refills the amount taken.
nanoseconds time_for(std::uint64_t taken, std::uint64_t a_second) {
  auto const ns = static_cast<double>(taken) * 1e9 / static_cast<double>(a_second);
  return nanoseconds(static_cast<std::int64_t>(std::min(ns, static_cast<double>(debt_max.count()))));
}

/// The instant at which the bucket will be full again after something is taken.
rate_limits::clock::time_point full_after(rate_limits::clock::time_point full, rate_limits::clock::time_point now,
                                          nanoseconds time) {
  return std::min(std::max(full, now) + time, now + debt_max);
}

}  // namespace

rate_limits::account& rate_limits::account_of(shard& in, client_id const& client) {
  auto const found = in.by_client.find(client);
  if (found != in.by_client.end()) {
    in.by_use.splice(in.by_use.begin(), in.by_use, found->second);
    return *found->second;
  }
  constexpr auto accounts_max = clients_max / std::tuple_size_v<decltype(rate_limits::shards_)>;
  if (in.by_use.size() >= accounts_max) {
    in.by_client.erase(in.by_use.back().client);
    in.by_use.pop_back();
  }
  in.by_use.push_front({client, {}, {}, {}});
  try {
    in.by_client.emplace(client, in.by_use.begin());
  } catch (...) {
    in.by_use.pop_front();
    throw;
  }
  return in.by_use.front();
}

nanoseconds rate_limits::admit(client_id const& client, clock::time_point now) {
  auto& its_shard = shard_of(client);
  std::lock_guard const lock(its_shard.mutex);
  auto& one = account_of(its_shard, client);
  nanoseconds wait{0};
  if (settings_.bytes != 0) wait = std::max(wait, time_until_usable(one.bytes_full, now));
  if (settings_.lock_time.count() != 0) wait = std::max(wait, time_until_usable(one.lock_full, now));
  if (settings_.requests != 0) {
    auto const full = std::max(one.requests_full, now) + time_for(1, settings_.requests);
    wait = std::max(wait, time_until_usable(full, now));
    if (wait.count() == 0) one.requests_full = full;
  }
  return wait;
}

void rate_limits::charge(client_id const& client, std::uint64_t bytes, nanoseconds lock_time, clock::time_point now) {
  auto& its_shard = shard_of(client);
  std::lock_guard const lock(its_shard.mutex);
  auto& one = account_of(its_shard, client);
  if (settings_.bytes != 0) one.bytes_full = full_after(one.bytes_full, now, time_for(bytes, settings_.bytes));
  if (settings_.lock_time.count() != 0)
    one.lock_full = full_after(one.lock_full, now,
                               time_for(static_cast<std::uint64_t>(lock_time.count()),
                                        static_cast<std::uint64_t>(settings_.lock_time.count())));
}

std::size_t rate_limits::clients() const {
  std::size_t sum = 0;
  for (auto const& each : shards_) {
    std::lock_guard const lock(each.mutex);
    sum += each.by_use.size();
  }
  return sum;
}

bool per_client_count::add(client_id const& client) {
  if (most_ == 0) return true;
  std::lock_guard const lock(mutex_);
  auto& count = counts_[client];
  if (count >= most_) return false;
  ++count;
  return true;
}

void per_client_count::remove(client_id const& client) noexcept {
  if (most_ == 0) return;
  std::lock_guard const lock(mutex_);
  auto const found = counts_.find(client);
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

}  // namespace holdfast::server
