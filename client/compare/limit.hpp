#pragma once

#include <string>
#include <string_view>

#include "client/compare/figure.hpp"
#include "client/error.hpp"

namespace holdfast::client::compare {

/// A limit for the change of a figure, such as `p99>+5%`.
struct limit {
  figure what = figure::throughput;
  bool above = true;  ///< broken by a change above the share; otherwise by one below it
  double share = 0;   ///< of before: 0.05 is +5 %
  std::string text;   ///< as written by the user
};

/// Parses `FIGURE>+N%` or `FIGURE<-N%`; spaces are allowed, and the plus sign is optional. Rejects limits that an
/// unchanged figure would break.
/// @return error_kind::invalid_request with a message that contains the error and an example.
[[nodiscard]] result<limit> parse_limit(std::string_view text);

}  // namespace holdfast::client::compare
