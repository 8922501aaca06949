#pragma once

#include <cstdint>

#include "client/load/random.hpp"

namespace holdfast::client::load {

/// Draws ranks 0 to items - 1 where rank r has a probability proportional to 1 / (r + 1)^theta.
/// Rejection-inversion (Hörmann, Derflinger: Rejection-inversion to generate variates from monotone discrete
/// distributions, 1996): no table and no sum over the items, so that any number of items costs the same and the number
/// may grow; theta may be 1 or more, where the method of Gray et al. (1994), which YCSB uses, ends.
class zipfian {
 public:
  /// `items` and `theta` are above 0.
  zipfian(std::uint64_t items, double theta);

  [[nodiscard]] std::uint64_t operator()(random_numbers& random) const;

  /// From now on there are this many.
  void resize(std::uint64_t items);
  [[nodiscard]] std::uint64_t items() const { return items_; }

 private:
  [[nodiscard]] double density(double x) const;
  [[nodiscard]] double area(double x) const;
  [[nodiscard]] double inverse_area(double area) const;

  double theta_;
  std::uint64_t items_;
  double area_first_;  ///< the area left of the first item's hat, which is all its own
  double area_last_;
  double accept_at_once_;  ///< how far right of its middle an item is accepted without a look at the hat
};

}  // namespace holdfast::client::load
