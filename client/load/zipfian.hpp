#pragma once

#include <cstdint>

#include "client/load/random.hpp"

namespace holdfast::client::load {

/// Draws ranks 0 to items - 1; rank r has a probability proportional to 1 / (r + 1)^theta. Uses rejection-inversion
/// (Hörmann, Derflinger: Rejection-inversion to generate variates from monotone discrete distributions, 1996), which
/// needs no table and no sum over the items: the cost does not depend on their number, which may grow. Unlike the
/// method of Gray et al. (1994), used by YCSB, it allows theta of 1 or more.
class zipfian {
 public:
  /// `items` and `theta` must be above 0.
  zipfian(std::uint64_t items, double theta);

  [[nodiscard]] std::uint64_t operator()(random_numbers& random) const;

  /// Changes the number of items.
  void resize(std::uint64_t items);
  [[nodiscard]] std::uint64_t items() const { return items_; }

 private:
  [[nodiscard]] double density(double x) const;
  [[nodiscard]] double area(double x) const;
  [[nodiscard]] double inverse_area(double area) const;

  double theta_;
  std::uint64_t items_;
  double area_first_;  ///< the area left of the first item's hat, which belongs to it entirely
  double area_last_;
  double accept_at_once_;  ///< how far right of its middle an item is accepted without evaluating the hat
};

}  // namespace holdfast::client::load
