#include "server/insight/insight.hpp"

namespace holdfast::server {
namespace {

std::vector<std::unique_ptr<lock_recorder>> make_recorders(unsigned threads, insight::clock::time_point started_at) {
  std::vector<std::unique_ptr<lock_recorder>> recorders;
  for (unsigned i = 0; i < threads; ++i) recorders.push_back(std::make_unique<lock_recorder>(i, threads, started_at));
  return recorders;
}

std::vector<lock_recorder const*> all_of(std::vector<std::unique_ptr<lock_recorder>> const& recorders) {
  std::vector<lock_recorder const*> all;
  for (auto const& one : recorders) all.push_back(one.get());
  return all;
}

}  // namespace

insight::insight(unsigned threads, std::uint64_t its_start)
    : start(its_start), recorders(make_recorders(threads, started_at)), feed(all_of(recorders)) {}

}  // namespace holdfast::server
