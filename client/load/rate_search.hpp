#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::client::load {

/// How a probe of a rate ended.
enum class probe_outcome : std::uint8_t {
  held,
  broken,           ///< a limit was broken, there were errors, or the answers fell behind
  client_was_late,  ///< it was not held, but the client could not keep up: nothing is said about the server
};

[[nodiscard]] std::string_view name_of(probe_outcome outcome) noexcept;

/// The search for the highest rate that holds: rates are doubled from `start` until one does not hold (or halved until
/// one does), then the gap between the highest that held and the lowest that didn't is halved until it is within
/// `resolution`; what is left is confirmed over a longer time, and lowered by `resolution` each time that fails. It
/// A probe that does not hold is made once more before it counts, since one noisy moment is not the server's limit. It
/// decides and does nothing: the owner probes what next() says and tell()s how that ended.
class rate_search {
 public:
  static constexpr double resolution = 0.05;
  static constexpr double rate_max = 10'000'000;
  static constexpr double rate_min = 1;
  static constexpr int confirmations_max = 5;

  struct step {
    double rate = 0;
    bool confirms = false;
  };

  /// `start` is the first rate to probe, in requests a second.
  explicit rate_search(double start) : start_(start) {}

  /// What to probe now; nothing when the search is over.
  [[nodiscard]] std::optional<step> next() const;
  void tell(probe_outcome outcome);

  /// The highest rate that held so far; when the search is over and this has none, not even the lowest did.
  [[nodiscard]] std::optional<double> highest() const { return held_; }
  /// Whether that was confirmed.
  [[nodiscard]] bool confirmed() const { return confirmed_; }
  /// What ended the way up; nothing when no rate was too high.
  [[nodiscard]] std::optional<probe_outcome> bounded_by() const { return bounded_by_; }

 private:
  double start_;
  std::optional<double> held_;
  std::optional<double> too_high_;
  std::optional<double> doubted_;  ///< did not hold once
  std::optional<probe_outcome> bounded_by_;
  int confirmations_ = 0;
  bool confirmed_ = false;
};

}  // namespace holdfast::client::load
