#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/answer_parser.hpp"
#include "client/load/answer_body.hpp"
#include "client/load/channel.hpp"
#include "client/load/verify/history.hpp"
#include "client/load/verify/lock_order.hpp"
#include "client/load/verify/stated_order.hpp"
#include "client/load/workload.hpp"

namespace holdfast::client::verify {

/// A request of a run and its result, in 56 bytes.
struct recorded_request {
  /// What is known about its effect.
  enum class outcome : std::uint8_t {
    unknown,   ///< unanswered, or an inconclusive error: it may have taken effect at any time, or never
    answered,  ///< `value` and `was_present` are what it found
    refused,   ///< the server reported that it changed nothing
    lost,      ///< refused because its condition was not met, which is information too
  };

  std::uint64_t value = absent;  ///< put, read or counted
  instant invoked = 0;
  instant responded = never;
  /// The revision in the answer: of the value for a get with a value, else of the database. 0 if there is none, or if
  /// it belongs to another database than the first.
  std::uint64_t revision = 0;
  std::uint32_t wait_us = 0, hold_us = 0;
  std::uint32_t key = 0;
  std::uint32_t connection : 24 = 0;
  load::operation_kind kind : 3 = load::operation_kind::get;
  outcome known : 2 = outcome::unknown;
  bool was_present : 1 = false;  ///< whether the answer shows a previous value
  bool has_timing : 1 = false;
  std::uint32_t part = 0;   ///< index of its first part in the recorder
  std::uint16_t parts = 0;  ///< conditions, and puts of a transaction; for an answered list or transaction its content
  bool to_the_end : 1 = false;  ///< for a list: there was no next page

  /// The operation for the checker; nullopt if it changed nothing and shows nothing.
  [[nodiscard]] std::optional<operation> on_its_key() const;
  /// The use of the lock for the audit; nullopt if the lock was not granted.
  [[nodiscard]] std::optional<lock_use> of_lock() const;
};
static_assert(sizeof(recorded_request) == 56);

/// Represents a body that is not a value of this run.
constexpr value_number no_value_of_ours = absent - 2;

/// Records all requests of one thread of a run. A request is unknown until it is answered, so a lost connection needs
/// no record. Not thread-safe.
class recorder {
 public:
  explicit recorder(std::uint64_t requests_max) : requests_max_(requests_max) {}

  /// True if it is full, so that the run must end.
  [[nodiscard]] bool is_full() const { return count_ >= requests_max_ || parts_.size() >= requests_max_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] recorded_request const& at(std::uint64_t number) const {
    return chunks_[number / chunk][number % chunk];
  }

  /// The prefix of all keys of the run; set it before the first answer.
  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }

  /// Call before a request is sent. @return its number
  std::uint64_t ask(load::planned_request const& what, std::uint32_t connection, load::time_point now);
  /// Call with its answer. `is_value` is true if the body can be a value of the requested key.
  void answer(std::uint64_t number, answer_message const& answer, bool is_value, load::time_point now);

  /// The database's id in the tags; nullopt before the first tag.
  [[nodiscard]] std::optional<std::uint64_t> first_database() const { return database_; }
  /// True if later tags had a different id: the server was restarted without its data, or with a backup.
  [[nodiscard]] bool has_seen_another_database() const { return has_seen_another_; }
  /// True if every successful answer states its revision, so that the order of all operations can be checked.
  [[nodiscard]] bool states_revisions() const;
  /// True if requests affect single keys only: no expiring values, no transactions.
  [[nodiscard]] bool is_of_single_keys() const;
  /// Adds all requests that state something.
  void append_to(stated_history& to) const;

 private:
  static constexpr std::uint64_t chunk = 16 * 1024;

  [[nodiscard]] std::uint64_t revision_of(std::string_view etag);
  void take_condition(recorded_request& asked, answer_message const& answer);
  void take_list(recorded_request& asked, answer_message const& answer);
  void take_transaction(recorded_request& asked, answer_message const& answer);
  void take_count(recorded_request& asked, answer_message const& answer);
  void add_part(recorded_request& asked, fact const& part);
  void append_facts(recorded_request const& asked, stated_history& to) const;

  std::uint64_t const requests_max_;
  std::uint64_t count_ = 0;
  std::vector<std::unique_ptr<recorded_request[]>>
      chunks_;  // chunks, so that growing copies nothing during the measurement
  std::deque<fact> parts_;
  std::string prefix_;
  load::shown_answer shown_;  // a member to reuse its memory
  std::optional<std::uint64_t> database_;
  bool has_seen_another_ = false;
};

}  // namespace holdfast::client::verify
