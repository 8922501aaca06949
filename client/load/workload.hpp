#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client/load/random.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

enum class operation_kind : std::uint8_t { get, put };
constexpr std::size_t operation_kinds = 2;

[[nodiscard]] std::string_view name_of(operation_kind kind) noexcept;

/// A request before it is bytes.
struct planned_request {
  operation_kind operation;
  std::uint32_t key;  ///< its number, from 0
};

/// Decides what is asked for and writes it as bytes. Values are told apart by a number in each, so that no two puts of
/// a run store the same. One for each thread; not thread-safe.
class workload {
 public:
  /// `prefix` starts every key; it is sent as it is, so it has only characters that may stand in a path. `stream` tells
  /// the threads of a run apart: each draws other requests from the same seed.
  workload(workload_settings const& settings, endpoint const& server, std::string_view prefix, std::uint32_t stream);

  [[nodiscard]] planned_request next();
  /// Appends the whole request. A put gets a value of its own.
  void append(std::string& out, planned_request const& request);
  /// A JSON text that no put of this run has had yet.
  [[nodiscard]] std::string next_value();
  /// Whether `body` can be a value that this run has stored.
  [[nodiscard]] bool is_value(std::string_view body) const;

 private:
  void append_value(std::string& out);

  workload_settings settings_;
  random_numbers random_;
  std::uint64_t read_below_;
  std::uint64_t next_value_;
  std::string get_head_;
  std::string put_head_;
  std::string get_tail_;
  std::string put_tail_;
  std::string filler_;
};

/// The least a value can have: quotes and 16 digits.
constexpr std::uint32_t value_bytes_min = 18;

}  // namespace holdfast::client::load
