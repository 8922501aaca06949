#include "client/load/zipfian.hpp"

#include <algorithm>
#include <cmath>

namespace holdfast::client::load {
namespace {

/// (e^x - 1) / x and log(1 + x) / x, whose limit at 0 is 1; avoids cancellation near 0.
double expm1_ratio(double x) {
  return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2;
}

double log1p_ratio(double x) {
  return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2;
}

}  // namespace

zipfian::zipfian(std::uint64_t items, double theta) : theta_(theta), items_(items) {
  area_first_ = area(1.5) - 1;
  accept_at_once_ = 2 - inverse_area(area(2.5) - density(2));
  resize(items);
}

void zipfian::resize(std::uint64_t items) {
  items_ = items;
  area_last_ = area(static_cast<double>(items) + 0.5);
}

double zipfian::density(double x) const {
  return std::exp(-theta_ * std::log(x));
}

/// The integral of the density: x^(1 - theta) / (1 - theta) up to a constant, or log x for theta = 1.
double zipfian::area(double x) const {
  auto const log = std::log(x);
  return expm1_ratio((1 - theta_) * log) * log;
}

double zipfian::inverse_area(double area) const {
  auto const scaled = std::max(-1.0, area * (1 - theta_));
  return std::exp(log1p_ratio(scaled) * area);
}

std::uint64_t zipfian::operator()(random_numbers& random) const {
  while (true) {
    auto const drawn = area_last_ + random.share() * (area_first_ - area_last_);
    auto const x = inverse_area(drawn);
    auto const item = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(items_));
    if (item - x <= accept_at_once_ || drawn >= area(item + 0.5) - density(item))
      return static_cast<std::uint64_t>(item) - 1;
  }
}

}  // namespace holdfast::client::load
