#include "server/app/heap_trimmer.hpp"

#include <malloc.h>

#include <algorithm>
#include <utility>

namespace holdfast::server {
namespace {

constexpr std::chrono::seconds interval_min{1}, interval_max{16};
// Smaller amounts are not worth the time.
constexpr std::uint64_t trimmed_bytes_min = 32 * 1024 * 1024;

}  // namespace

void heap_trimmer::start() {
  interval_ = std::clamp<event_loop::clock::duration>(interval_ * 2, interval_min, interval_max);
  next_look_.expires_after(interval_);
  next_look_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    look();
    start();
  });
}

void heap_trimmer::look() {
  auto const [used, most] = used_bytes_();
  if (std::exchange(last_, used) != used || most > used) interval_ = {};
  most_ = std::max({most_, used, most});
  if (most_ - used < std::max(trimmed_bytes_min, most_ / 4)) return;
  ::malloc_trim(0);
  most_ = used;
}

}  // namespace holdfast::server
