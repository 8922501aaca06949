#pragma once

#include <cstddef>
#include <cstdint>

#include "server/store/operation.hpp"

namespace holdfast::server {

/// Judges the results of a transaction's steps, one after the other: whether it goes on, and whether its answer, and
/// the record of it if it is remembered, keep within their limits. One thread.
class step_results {
 public:
  /// @param is_remembered part of an idempotent operation.
  explicit step_results(bool is_remembered) noexcept : is_remembered_(is_remembered) {}

  /// Drops from a result what the answer does not show. One that is too much for the answer becomes no_room. @return
  /// false if the transaction fails with this result.
  [[nodiscard]] bool accept(transaction_step const& step, data_outcome& result);

 private:
  [[nodiscard]] bool fits(transaction_step const& step, data_outcome const& result);

  bool const is_remembered_;
  std::uint64_t bytes_ = 0;  // of values and of listed keys
  std::size_t listed_ = 0;
};

/// What must be remembered of an outcome, so that the request can be answered again.
[[nodiscard]] data_outcome remembered(data_outcome outcome, idempotent_operation const& one);

/// True for outcomes that are not remembered, because they mean: try again.
[[nodiscard]] bool is_to_be_retried(data_outcome const& outcome);

}  // namespace holdfast::server
