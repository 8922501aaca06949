#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::client::compare {

/// The figures that are compared.
enum class figure : std::uint8_t { throughput, p50, p90, p99, p99_9, mean, cpu, errors };

inline constexpr std::array all_figures{figure::throughput, figure::p50,  figure::p90, figure::p99,
                                        figure::p99_9,      figure::mean, figure::cpu, figure::errors};

/// Names for users: `throughput`, `p99.9`, `cpu`, …
[[nodiscard]] std::string_view name_of(figure what) noexcept;
[[nodiscard]] std::optional<figure> figure_of(std::string_view name) noexcept;

/// The unit: `requests/s`, `ms` of latency, `us/request` of the client's CPU time, or empty.
[[nodiscard]] std::string_view unit_of(figure what) noexcept;
[[nodiscard]] constexpr bool higher_is_better(figure what) noexcept {
  return what == figure::throughput;
}

/// A value with its unit: `29,511 /s`, `4.21 ms`, `8.31 us`, `3`.
[[nodiscard]] std::string readable(figure what, double value);

}  // namespace holdfast::client::compare
