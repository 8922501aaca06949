#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/load/key_choice.hpp"
#include "client/load/mix.hpp"
#include "client/load/random.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

enum class operation_kind : std::uint8_t { get, put, del };
constexpr std::size_t operation_kinds = 3;

[[nodiscard]] std::string_view name_of(operation_kind kind) noexcept;

/// A request before it is bytes.
struct planned_request {
  operation_kind operation = operation_kind::get;
  bool inserts = false;               ///< of a put: nobody has had this key
  bool modifies = false;              ///< of a get: a put of the same key follows on the same connection
  std::uint32_t key = 0;              ///< its number, from 0
  std::uint32_t value_bytes = 0;      ///< of a put: how long its value is
  std::uint64_t value = 0;            ///< of a put: the number in its value, which no other put of the run has
  std::optional<nanoseconds> hold{};  ///< empty: as the server is set
};

/// Values are JSON strings: the key's number in 8 hexadecimal digits, the value's own number in 16, and filler.
struct stored_value {
  std::uint32_t key = 0;
  std::uint64_t value = 0;

  bool operator==(stored_value const&) const = default;
};
void append_value(std::string& out, stored_value const& value, std::uint32_t bytes);
/// @return nothing when `body` can be no value of a run.
[[nodiscard]] std::optional<stored_value> parse_value(std::string_view body);

/// Decides what is asked for and writes it as bytes. Values are told apart by a number in each, so that no two puts of
/// a run store the same. One for each thread; not thread-safe. With one seed the same requests are drawn; only which
/// key `latest` comes to depends on the answers before.
class workload {
 public:
  /// `prefix` starts every key; it is sent as it is, so it has only characters that may stand in a path. Each place
  /// draws other requests from the same seed. `inserted` keys have been taken by earlier runs of as many threads.
  workload(workload_settings const& settings, endpoint const& server, std::string_view prefix, thread_place place,
           std::uint32_t inserted = 0);

  [[nodiscard]] planned_request next();
  /// The put that follows a get that modifies.
  [[nodiscard]] planned_request modify(planned_request const& get);
  /// Appends the whole request.
  void append(std::string& out, planned_request const& request);

  /// Whether an answer with this status is what the request is for: a missing key is, where the run deletes keys.
  [[nodiscard]] bool is_expected(planned_request const& request, unsigned status) const;
  /// Whether `body` can be a value that this run has stored under this key.
  [[nodiscard]] bool is_value(std::string_view body, std::uint32_t key) const;
  /// The request has its answer, or never will.
  void settle(planned_request const& request, bool succeeded) {
    if (request.inserts) keys_.settle(request.key, succeeded);
  }
  [[nodiscard]] std::uint32_t inserted() const { return keys_.inserted(); }

  /// A text for a key that is stored before the run.
  [[nodiscard]] std::string first_value(std::uint32_t key);

 private:
  [[nodiscard]] planned_request put(std::uint32_t key, bool inserts);
  [[nodiscard]] std::uint32_t draw_value_bytes();
  void draw_hold(planned_request& request);

  workload_settings settings_;
  action_chooser choose_action_;
  key_chooser keys_;
  random_numbers random_;
  std::uint64_t next_value_;
  bool holds_vary_;
  std::string heads_[operation_kinds];  ///< what stands before the key's number
  std::string tails_[operation_kinds];  ///< and behind the query; of a put: up to the length of its value
  std::string hold_query_;              ///< of a hold that doesn't vary
};

}  // namespace holdfast::client::load
