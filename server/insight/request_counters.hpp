#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "protocol/method.hpp"
#include "server/insight/counters.hpp"

namespace holdfast::server {

using protocol::method;

/// Kinds of paths for statistics, without their variable parts.
enum class route_kind : std::uint8_t {
  value,
  list,
  transaction,
  watch,
  export_keys,
  import_keys,
  lock,
  lock_events,
  lock_trace,
  locks,
  named_lock,
  ticket,
  named_lock_events,
  settings,
  backups,
  openapi,
  metrics,
  livez,
  readyz,
  version,
  page,
  other,
};
inline constexpr std::size_t route_kinds = 22;

[[nodiscard]] std::string_view name_of(route_kind route) noexcept;

/// Method names as in OpenTelemetry's semantic conventions: `GET`, …, `_OTHER`.
[[nodiscard]] std::string_view name_of(method method) noexcept;

/// The bounds that OpenTelemetry's conventions recommend for http.server.request.duration, extended downwards to this
/// server's usual durations.
inline constexpr std::array<std::int64_t, 22> request_bounds_ns{
    10'000,      25'000,        50'000,        100'000,       250'000,       500'000,       1'000'000,   2'500'000,
    5'000'000,   10'000'000,    25'000'000,    50'000'000,    75'000'000,    100'000'000,   250'000'000, 500'000'000,
    750'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 7'500'000'000, 10'000'000'000};

using request_histogram = histogram<request_bounds_ns>;

/// Answered requests of one thread by route, method and status. The thread adds, any thread may read. The first request
/// of a combination allocates 192 bytes; there are 6,160 combinations.
class request_counters {
 public:
  request_counters() = default;
  request_counters(request_counters const&) = delete;
  request_counters& operator=(request_counters const&) = delete;
  ~request_counters() {
    for (auto const& cell : cells_) delete cell.load(std::memory_order_relaxed);
  }

  /// @param duration_ns from the end of the request's header until the answer is ready to be sent.
  void add(route_kind route, method method, unsigned status, std::int64_t duration_ns) {
    auto const index = index_of(route, method, status);
    auto* cell = cells_[index].load(std::memory_order_relaxed);
    if (cell == nullptr) cell = &make(index);
    cell->add(duration_ns);
  }

  /// Calls `visit(route, method, status, histogram)` for each combination seen. Status 0 stands for all unlisted ones.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t i = 0; i < cells_.size(); ++i)
      if (auto const* const cell = cells_[i].load(std::memory_order_acquire))
        visit(static_cast<route_kind>(i / (methods * statuses.size())),
              static_cast<method>(i / statuses.size() % methods), statuses[i % statuses.size()], *cell);
  }

 private:
  static constexpr std::size_t methods = static_cast<std::size_t>(method::unknown) + 1;
  static constexpr std::array<unsigned, 29> statuses{0,   200, 201, 202, 204, 304, 400, 401, 403, 404,
                                                     405, 408, 409, 410, 412, 413, 414, 415, 417, 422,
                                                     428, 429, 431, 499, 500, 501, 503, 505, 507};
  static constexpr unsigned status_max = 599;
  static constexpr auto status_indices = [] {
    std::array<std::uint8_t, status_max + 1> indices{};
    for (std::size_t i = 1; i < statuses.size(); ++i) indices[statuses[i]] = static_cast<std::uint8_t>(i);
    return indices;
  }();

  [[nodiscard]] static std::size_t index_of(route_kind route, method method, unsigned status) noexcept {
    auto const status_index = status <= status_max ? status_indices[status] : 0;
    return (static_cast<std::size_t>(route) * methods + static_cast<std::size_t>(method)) * statuses.size() +
           status_index;
  }
  request_histogram& make(std::size_t index) {
    auto* const cell = new request_histogram;
    cells_[index].store(cell, std::memory_order_release);
    return *cell;
  }

  static constexpr std::size_t size = route_kinds * methods * statuses.size();
  std::array<std::atomic<request_histogram*>, size> cells_{};  // owned; raw, since only a raw pointer can be atomic
};

}  // namespace holdfast::server
