#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/load/key_choice.hpp"
#include "client/load/mix.hpp"
#include "client/load/random.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

enum class operation_kind : std::uint8_t { get, put, del, list, txn, incr };
constexpr std::size_t operation_kinds = 6;

[[nodiscard]] std::string_view name_of(operation_kind kind) noexcept;

/// The condition of a request.
enum class condition : std::uint8_t {
  none,
  unchanged,  ///< each of its keys has the given version, or no value if that is 0
};

/// A request before it is written as bytes.
struct planned_request {
  operation_kind operation = operation_kind::get;
  bool inserts = false;               ///< for a put: the key is new
  bool modifies = false;              ///< for a get or txn: a write of the same keys follows on the same connection
  bool compares = false;              ///< for a get that modifies: the write is conditional
  condition on = condition::none;     ///< for a put or txn
  bool writes_other = false;          ///< for a txn with a condition: writes both keys, not only the first
  std::uint32_t key = 0;              ///< the key's number, from 0
  std::uint32_t value_bytes = 0;      ///< for a put: the size of its value
  std::uint64_t value = 0;            ///< for a put: the number in its value, unique within the run
  std::optional<nanoseconds> hold{};  ///< nullopt for the server's default
  nanoseconds ttl{0};                 ///< for a put: time to live of its value; 0 for none
  std::uint32_t other_key = 0;        ///< for a txn
  std::uint32_t limit = 0;            ///< for a list
  std::uint64_t other_value = 0;      ///< for a txn that writes the other key
  std::uint64_t version = 0, other_version = 0;  ///< for a condition
};

/// The versions of the keys in an answer; 0 for a key without a value.
struct seen_versions {
  std::uint64_t first = 0, other = 0;
};

/// Values are JSON strings: the key's number in 8 hexadecimal digits, the value's number in 16, and padding.
struct stored_value {
  std::uint32_t key = 0;
  std::uint64_t value = 0;

  bool operator==(stored_value const&) const = default;
};
/// Prefix of the number in a counter's key.
constexpr std::string_view counter_mark = "c";

void append_value(std::string& out, stored_value const& value, std::uint32_t bytes);
/// @return nullopt if `body` cannot be a value of a run.
[[nodiscard]] std::optional<stored_value> parse_value(std::string_view body);

/// Chooses the requests and writes them as bytes. Every value contains a number, so that all puts of a run store
/// different values. One object per thread; not thread-safe. The same seed generates the same requests, except that the
/// keys of `latest` depend on earlier answers.
class workload {
 public:
  /// `prefix` starts every key; it is sent unencoded, so it must contain only characters allowed in a path. Threads at
  /// different places generate different requests from the same seed. Earlier runs with as many threads have used
  /// `inserted` keys.
  workload(workload_settings const& settings, endpoint const& server, std::string_view prefix, thread_place place,
           std::uint32_t inserted = 0);

  [[nodiscard]] planned_request next();
  /// The write that follows a request that modifies.
  [[nodiscard]] planned_request modify(planned_request const& read, seen_versions const& seen);
  /// Sets the id in the server's entity tags once it is known.
  void learn_database(std::uint64_t id) { database_ = id; }
  /// Appends the complete request. @param server its number in servers_of() the one that was given
  void append(std::string& out, planned_request const& request, std::size_t server = 0);

  /// True if this status is a success of the request. A missing key is, if the run deletes keys.
  [[nodiscard]] bool is_expected(planned_request const& request, unsigned status) const;
  /// True if `body` can be a value that this run has stored under this key.
  [[nodiscard]] bool is_value(std::string_view body, std::uint32_t key) const;
  /// Call when the request was answered or has failed for good.
  void settle(planned_request const& request, bool succeeded) {
    if (request.inserts) keys_.settle(request.key, succeeded);
  }
  [[nodiscard]] std::uint32_t inserted() const { return keys_.inserted(); }

  /// The value of a key that is stored before the run.
  [[nodiscard]] std::string first_value(std::uint32_t key);

 private:
  [[nodiscard]] planned_request put(std::uint32_t key, bool inserts);
  [[nodiscard]] std::uint32_t draw_value_bytes();
  void draw_hold(planned_request& request);
  void draw_ttl(planned_request& request);
  void append_query(std::string& out, planned_request const& request, bool has_query);
  void append_condition(std::string& out, planned_request const& request);
  void append_check(std::string& out, std::uint32_t key, std::uint64_t version);
  void append_transaction(std::string& out, planned_request const& request);

  workload_settings settings_;
  action_chooser choose_action_;
  key_chooser keys_;
  random_numbers random_;
  std::uint64_t next_value_;
  bool holds_vary_;
  std::string prefix_;
  std::string body_;  ///< of a txn, until its length is known
  std::uint64_t database_ = 0;
  using texts = std::array<std::string, operation_kinds>;
  void write_texts(endpoint const& server, texts& tails);

  texts heads_;               ///< the part before the key's number
  std::vector<texts> tails_;  ///< the part after the query, for each server; for a put, up to the length of its value
  std::string hold_query_;    ///< for a constant hold
};

}  // namespace holdfast::client::load
