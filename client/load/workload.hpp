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

/// What has to be so for a request to be done.
enum class condition : std::uint8_t {
  none,
  unchanged,  ///< each of its keys has the version named, or no value where that is 0
};

/// A request before it is bytes.
struct planned_request {
  operation_kind operation = operation_kind::get;
  bool inserts = false;               ///< of a put: nobody has had this key
  bool modifies = false;              ///< of a get or txn: a write of the same keys follows on the same connection
  bool compares = false;              ///< of a get that modifies: that is done only if nothing has changed
  condition on = condition::none;     ///< of a put or txn
  bool writes_other = false;          ///< of a txn with a condition: it writes both keys, not the first alone
  std::uint32_t key = 0;              ///< its number, from 0
  std::uint32_t value_bytes = 0;      ///< of a put: how long its value is
  std::uint64_t value = 0;            ///< of a put: the number in its value, which no other put of the run has
  std::optional<nanoseconds> hold{};  ///< empty: as the server is set
  nanoseconds ttl{0};                 ///< of a put: how long its value lasts; 0: it stays
  std::uint32_t other_key = 0;        ///< of a txn
  std::uint32_t limit = 0;            ///< of a list
  std::uint64_t other_value = 0;      ///< of a txn that writes the other key
  std::uint64_t version = 0, other_version = 0;  ///< of a condition
};

/// The versions of the keys that an answer shows, 0 of a key without a value.
struct seen_versions {
  std::uint64_t first = 0, other = 0;
};

/// Values are JSON strings: the key's number in 8 hexadecimal digits, the value's own number in 16, and filler.
struct stored_value {
  std::uint32_t key = 0;
  std::uint64_t value = 0;

  bool operator==(stored_value const&) const = default;
};
/// Stands before the number of a key that counts.
constexpr std::string_view counter_mark = "c";

void append_value(std::string& out, stored_value const& value, std::uint32_t bytes);
/// @return nothing when `body` can be no value of a run.
[[nodiscard]] std::optional<stored_value> parse_value(std::string_view body);

/// Decides what is asked for and writes it as bytes. Values are distinguished by a number in each, so that no two puts
/// of a run store the same. One for each thread; not thread-safe. With one seed the same requests are drawn; only which
/// key `latest` comes to depends on the answers before.
class workload {
 public:
  /// `prefix` starts every key; it is sent as it is, so it has only characters that may stand in a path. Each place
  /// draws other requests from the same seed. `inserted` keys have been taken by earlier runs of as many threads.
  workload(workload_settings const& settings, endpoint const& server, std::string_view prefix, thread_place place,
           std::uint32_t inserted = 0);

  [[nodiscard]] planned_request next();
  /// The write that follows a request that modifies.
  [[nodiscard]] planned_request modify(planned_request const& read, seen_versions const& seen);
  /// What distinguishes the server's entity tags from others, once it is known.
  void learn_database(std::uint64_t id) { database_ = id; }
  /// Appends the complete request. @param server its number in servers_of() the one that was given
  void append(std::string& out, planned_request const& request, std::size_t server = 0);

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
  std::string body_;  ///< of a txn, while its length is not known
  std::uint64_t database_ = 0;
  using texts = std::array<std::string, operation_kinds>;
  void write_texts(endpoint const& server, texts& tails);

  texts heads_;               ///< what stands before the key's number
  std::vector<texts> tails_;  ///< and behind the query, for each server; of a put: up to the length of its value
  std::string hold_query_;    ///< of a hold that doesn't vary
};

}  // namespace holdfast::client::load
