#include "client/load/verify/lock_order.hpp"

#include <algorithm>

namespace holdfast::client::verify {
namespace {

/// The server rounds both durations to microseconds.
constexpr instant rounding = 1000;

/// The earliest and latest times at which a request can have asked for the lock and been granted it.
struct spans {
  lock_use const* use;
  instant asked_from, asked_until;
  instant granted_from, granted_until;
};

std::optional<spans> spans_of(lock_use const& use) {
  auto const rest = use.responded - use.invoked - use.wait - use.hold;
  if (rest < -rounding) return std::nullopt;
  auto const asked_until = use.invoked + std::max<instant>(rest, 0) + rounding;
  return spans{&use, use.invoked, asked_until, use.invoked + use.wait - rounding, asked_until + use.wait};
}

/// Nullopt if it is uncertain.
std::optional<bool> was_granted_before(spans const& one, spans const& other) {
  if (one.use->is_put && other.use->is_put && one.use->revision != 0 && other.use->revision != 0)
    return one.use->revision < other.use->revision;
  if (one.granted_until < other.granted_from) return true;
  if (other.granted_until < one.granted_from) return false;
  return std::nullopt;
}

void judge_pairs(std::vector<spans> const& all, lock_audit& audit) {
  std::vector<spans const*> waiting;  // may still wait when the next one asks
  for (auto const& later : all) {
    std::erase_if(waiting, [&](auto const* one) { return one->granted_from <= later.asked_from; });
    for (auto const* earlier : waiting) {
      auto const margin = later.asked_from - earlier->asked_until;
      if (margin <= lock_audit::tolerance) continue;
      auto const out_of_turn = was_granted_before(later, *earlier);
      if (!out_of_turn) continue;
      ++audit.judged_pairs;
      if (!*out_of_turn) continue;
      ++audit.broken_pairs;
      if (!audit.example || margin > audit.example->margin) audit.example = {*earlier->use, *later.use, margin};
    }
    if (later.granted_from - later.asked_until > lock_audit::tolerance) waiting.push_back(&later);
  }
}

/// @param uses in order of invocation
void judge_revisions(std::vector<lock_use> const& uses, lock_audit& audit) {
  std::vector<lock_use const*> by_response;
  for (auto const& use : uses) {
    if (use.revision != 0) by_response.push_back(&use);
  }
  std::ranges::sort(by_response, {}, &lock_use::responded);
  auto next = by_response.begin();
  std::uint64_t told = 0;
  for (auto const& use : uses) {
    for (; next != by_response.end() && (*next)->responded < use.invoked; ++next)
      told = std::max(told, (*next)->revision);
    if (!use.is_put || use.revision == 0 || told == 0) continue;
    ++audit.judged_revisions;
    audit.broken_revisions += use.revision <= told;
  }
}

}  // namespace

lock_audit audit_lock_order(std::vector<lock_use> uses) {
  std::ranges::sort(uses, {}, &lock_use::invoked);
  lock_audit audit;
  std::vector<spans> all;
  for (auto const& use : uses) {
    if (use.wait < 0 || use.hold < 0) continue;
    if (auto const known = spans_of(use)) {
      ++audit.timed;
      all.push_back(*known);
    } else {
      ++audit.implausible;
    }
  }
  judge_pairs(all, audit);
  judge_revisions(uses, audit);
  return audit;
}

}  // namespace holdfast::client::verify
