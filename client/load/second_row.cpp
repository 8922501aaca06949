#include "client/load/second_row.hpp"

#include "client/load/hdr_log.hpp"

namespace holdfast::client::load {

latency_figures figures_of(histogram const& latency) {
  return {.count = latency.count(),
          .mean = latency.mean(),
          .p50 = latency.quantile(0.5),
          .p90 = latency.quantile(0.9),
          .p99 = latency.quantile(0.99),
          .p99_9 = latency.quantile(0.999),
          .max = latency.max()};
}

std::optional<double> split_row::wait_share() const {
  if (whole().count() == 0) return std::nullopt;
  return static_cast<double>(wait.count()) / static_cast<double>(whole().count());
}

second_row summarize(std::uint32_t second, measurements const& measured, row_detail detail) {
  second_row row{.second = second,
                 .errors = measured.error_count(),
                 .latency = figures_of(measured.successes()),
                 .operations = {},
                 .statuses = {},
                 .since_sent = {},
                 .split = {.answers = measured.wait().count(),
                           .before_sending = measured.before_sending().sum(),
                           .wait = measured.wait().sum(),
                           .hold = measured.hold().sum(),
                           .disk = measured.disk().sum(),
                           .rest = measured.rest().sum()}};
  for (std::size_t i = 0; i < operation_kinds; ++i) {
    auto const kind = static_cast<operation_kind>(i);
    auto const latency = measured.successes(kind);
    if (latency.count() == 0) continue;
    row.operations.push_back(
        {kind, figures_of(latency), detail == row_detail::histograms ? hdr_text(latency) : std::string()});
  }
  for (auto const& one : measured.all_series())
    row.statuses.push_back({one.operation, one.status, figures_of(one.latency)});
  if (measured.since_sent().count() != 0) row.since_sent = figures_of(measured.since_sent());
  return row;
}

}  // namespace holdfast::client::load
