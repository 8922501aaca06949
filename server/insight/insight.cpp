#include "server/insight/insight.hpp"

#include <algorithm>

namespace holdfast::server {
namespace {

std::vector<std::unique_ptr<lock_recorder>> make_recorders(unsigned threads, insight::clock::time_point started_at) {
  std::vector<std::unique_ptr<lock_recorder>> recorders;
  for (unsigned i = 0; i < threads; ++i) recorders.push_back(std::make_unique<lock_recorder>(i, threads, started_at));
  return recorders;
}

std::vector<event_ring const*> rings_of(std::vector<std::unique_ptr<lock_recorder>> const& recorders) {
  std::vector<event_ring const*> rings;
  for (auto const& one : recorders) rings.push_back(&one->ring());
  return rings;
}

}  // namespace

insight::insight(unsigned threads, std::uint64_t its_start, std::size_t consumers_max)
    : start(its_start),
      recorders(make_recorders(threads, started_at)),
      feed(rings_of(recorders), its_start, &names),
      consumers(consumers_max) {}

present_requests insight::present(present_limits const& limits) const {
  present_requests found;
  present_limits const of_each{limits.entries_max, limits.bytes_max / recorders.size()};
  for (auto const& one : recorders) one->append_present(found, of_each);
  return found;
}

bool insight::is_anyone_present() const {
  return std::any_of(recorders.begin(), recorders.end(), [](auto const& one) { return one->is_anyone_present(); });
}

}  // namespace holdfast::server
