#include "client/load/verify/checker.hpp"

#include <algorithm>
#include <vector>

#include "client/load/verify/clusters.hpp"
#include "client/load/verify/providers.hpp"

namespace holdfast::client::verify {
namespace {

/// True if a value was read before any put had begun to write it.
bool any_unwritten(clusters const& values) {
  return std::ranges::any_of(values, [](auto const& named) {
    auto const& one = named.second;
    return one.reads != 0 && (!one.written || one.first_responded < one.write_invoked);
  });
}

/// The spans of all values, and of each operation that found or left the key absent.
std::vector<cluster> spans_of(history const& whole, clusters const& values) {
  std::vector<cluster> spans;
  spans.reserve(values.size());
  for (auto const& [value, one] : values) spans.push_back(one);
  for (auto const& one : whole.operations) {
    if (one.value != absent || !is_certain(one)) continue;
    cluster alone;
    alone.first_responded = one.responded;
    alone.last_invoked = one.invoked;
    spans.push_back(alone);
  }
  return spans;
}

/// True if there are two spans of which each must precede the other.
bool any_contradiction(std::vector<cluster> spans) {
  // At least one of two such spans has its begin after its end: an operation ended before another began.
  auto const others = std::ranges::partition(spans, [](auto const& one) { return one.must_precede(one); });
  std::span const lasting(spans.begin(), others.begin());
  std::ranges::sort(lasting, {}, &cluster::first_responded);
  for (std::size_t i = 1; i < lasting.size(); ++i) {
    if (lasting[i].must_precede(lasting[i - 1])) return true;
  }
  // The lasting spans are disjoint now, so only the last one that must precede `one` can also have to follow it.
  return std::ranges::any_of(others, [&](auto const& one) {
    auto const after = std::ranges::lower_bound(lasting, one.last_invoked, {}, &cluster::first_responded);
    return after != lasting.begin() && one.must_precede(*std::prev(after));
  });
}

bool had_always_a_value(history const& whole) {
  return whole.initial != absent && std::ranges::none_of(whole.operations, [](auto const& one) {
           return one.value == absent || one.what == action::create;
         });
}

}  // namespace

verdict check(history const& whole, effort const& effort) {
  auto const values = clusters_of(whole);
  if (any_unwritten(values) || any_contradiction(spans_of(whole, values)) || any_without_provider(whole))
    return verdict::violated;
  return had_always_a_value(whole) ? verdict::linearizable : search(whole, effort);
}

}  // namespace holdfast::client::verify
