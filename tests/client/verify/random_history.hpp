#pragma once

#include <random>

#include "client/load/verify/history.hpp"

namespace holdfast::client::verify {

/// What random histories are like.
struct history_shape {
  std::size_t operations = 6;
  std::uint32_t connections = 3;
  double put_share = 0.4;
  double delete_share = 0.15;  ///< the rest are gets
  double unanswered_share = 0.1;
  instant latency_max = 6;
  instant gap_max = 2;     ///< between two operations of a connection
  bool conditions = true;  ///< whether puts and deletes tell what was there before
};

/// What a register might have answered: operations take effect at one instant each, somewhere between asking and
/// answer. Linearizable by construction.
history sound_history(std::mt19937& random, history_shape const& shape);

/// Operations at any times with any answers, of which only the values are plausible. Mostly not linearizable.
history wild_history(std::mt19937& random, history_shape const& shape);

/// A sound history of which one answer or one interval was changed.
history damaged_history(std::mt19937& random, history_shape const& shape);

}  // namespace holdfast::client::verify
