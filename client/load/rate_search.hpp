#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::client::load {

/// The result of probing a rate.
enum class probe_outcome : std::uint8_t {
  held,
  broken,           ///< a limit was broken, there were errors, or the answers were too late
  client_was_late,  ///< it did not hold, but the client was too slow: no statement about the server
};

[[nodiscard]] std::string_view name_of(probe_outcome outcome) noexcept;

/// Searches for the highest rate that holds. Doubles the rate from `start` until one does not hold (or halves it until
/// one does), then halves the interval between the highest rate that held and the lowest that did not, until it is
/// within `resolution`. The result is confirmed by a longer run, and lowered by `resolution` each time that fails. A
/// probe that does not hold is repeated once before it counts, since a single noisy moment is not the server's limit.
/// Pure decision logic: the owner probes the rate of next() and reports the result with tell().
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

  /// `start` is the first rate to probe, in requests per second.
  explicit rate_search(double start) : start_(start) {}

  /// The next step; nullopt when the search is complete.
  [[nodiscard]] std::optional<step> next() const;
  void tell(probe_outcome outcome);

  /// The highest rate that held so far; nullopt at the end means that not even the lowest rate held.
  [[nodiscard]] std::optional<double> highest() const { return held_; }
  /// True if that rate was confirmed.
  [[nodiscard]] bool confirmed() const { return confirmed_; }
  /// What limited the rate; nullopt if no rate was too high.
  [[nodiscard]] std::optional<probe_outcome> bounded_by() const { return bounded_by_; }

 private:
  double start_;
  std::optional<double> held_;
  std::optional<double> too_high_;
  std::optional<double> doubted_;  ///< has failed once
  std::optional<probe_outcome> bounded_by_;
  int confirmations_ = 0;
  bool confirmed_ = false;
};

}  // namespace holdfast::client::load
