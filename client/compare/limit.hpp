#pragma once

#include <string>
#include <string_view>

#include "client/compare/figure.hpp"
#include "client/error.hpp"

namespace holdfast::client::compare {

/// By how much a figure may change, as in `p99>+5%`.
struct limit {
  figure what = figure::throughput;
  bool above = true;  ///< broken by a change above the share; else by one below it
  double share = 0;   ///< of before: 0.05 is +5 %
  std::string text;   ///< as it was written
};

/// Reads `FIGURE>+N%` or `FIGURE<-N%`, spaces allowed; the sign of a rise may be left out, and no change is never
/// beyond a limit.
/// @return error_kind::invalid_request with a message that says what is wrong and gives an example.
[[nodiscard]] result<limit> parse_limit(std::string_view text);

}  // namespace holdfast::client::compare
