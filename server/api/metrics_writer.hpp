#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast::server {

/// Writes Prometheus's text format, version 0.0.4. prometheus-cpp is not used: its counters are doubles behind a lock
/// or a compare-and-swap, too slow for the request path, and its serializer alone does not justify a shared library.
/// All samples of a family must follow its begin().
class metrics_writer {
 public:
  using label = std::pair<std::string_view, std::string_view>;
  using labels = std::initializer_list<label>;

  /// @param type counter, gauge, histogram or summary.
  void begin(std::string_view family, std::string_view type, std::string_view help);

  void sample(std::uint64_t value, labels with = {});
  /// A value in nanoseconds, written as seconds with nanosecond precision.
  void sample_seconds(std::uint64_t value_ns, labels with = {});
  /// @param counts of each bucket, not cumulative; the last counts values beyond all bounds.
  void sample_histogram(std::span<std::int64_t const> bounds_ns, std::span<std::uint64_t const> counts,
                        std::uint64_t sum_ns, labels with = {});
  /// The same for plain numbers.
  void sample_histogram_of_numbers(std::span<std::int64_t const> bounds, std::span<std::uint64_t const> counts,
                                   std::uint64_t sum, labels with = {});
  /// A summary without quantiles.
  void sample_sum(std::uint64_t count, std::uint64_t sum_ns, labels with = {});

  [[nodiscard]] std::string& text() noexcept { return text_; }

 private:
  using number_text = std::string (*)(std::uint64_t);
  void append_name(std::string_view suffix, labels with, std::string_view bound = {});
  void append_histogram(std::span<std::int64_t const> bounds, std::span<std::uint64_t const> counts, std::uint64_t sum,
                        labels with, number_text text_of);

  std::string text_;
  std::string_view family_;
};

}  // namespace holdfast::server
