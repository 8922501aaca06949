#include "client/load/rate_search.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace holdfast::client::load {
namespace {

/// Rounds to three digits, so that people can read the rates and repeat them.
double rounded(double rate) {
  auto const unit = std::pow(10, std::floor(std::log10(rate)) - 2);
  return std::round(rate / unit) * unit;
}

}  // namespace

std::string_view name_of(probe_outcome outcome) noexcept {
  switch (outcome) {
    case probe_outcome::held:
      return "held";
    case probe_outcome::broken:
      return "broken";
    case probe_outcome::client_was_late:
      break;
  }
  return "client_was_late";
}

std::optional<rate_search::step> rate_search::next() const {
  if (confirmed_ || confirmations_ == confirmations_max) return std::nullopt;
  if (doubted_) return step{*doubted_};
  if (!held_ && !too_high_) return step{start_};
  if (!held_) {
    if (*too_high_ <= rate_min) return std::nullopt;
    return step{rounded(std::max(rate_min, *too_high_ / 2))};
  }
  if (confirmations_ == 0) {
    if (!too_high_ && *held_ < rate_max) return step{rounded(std::min(rate_max, *held_ * 2))};
    auto const middle = too_high_ ? rounded((*held_ + *too_high_) / 2) : *held_;
    if (too_high_ && *too_high_ > *held_ * (1 + resolution) && middle > *held_ && middle < *too_high_)
      return step{middle};
  }
  return step{*held_, true};
}

void rate_search::tell(probe_outcome outcome) {
  auto const probed = next();
  if (!probed) return;
  if (probed->confirms) ++confirmations_;
  auto const was_doubted = std::exchange(doubted_, std::nullopt).has_value();
  if (outcome != probe_outcome::held && !probed->confirms && !was_doubted) {
    doubted_ = probed->rate;
    return;
  }
  if (outcome == probe_outcome::held) {
    held_ = probed->rate;
    confirmed_ = probed->confirms;
    return;
  }
  too_high_ = probed->rate;
  bounded_by_ = outcome;
  if (probed->confirms) held_ = rounded(std::max(rate_min, probed->rate * (1 - resolution)));
}

}  // namespace holdfast::client::load
