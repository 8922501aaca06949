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

/// A request of a run and what came of it, in 56 bytes.
struct recorded_request {
  /// How much is known of what it did.
  enum class outcome : std::uint8_t {
    unknown,   ///< not answered, or by an error that shows nothing: it may have taken effect at any time, or never
    answered,  ///< `value` and `was_present` say what it found
    refused,   ///< the server said that it changed nothing
    lost,      ///< refused since its condition was not met: an answer too
  };

  std::uint64_t value = absent;  ///< put, got or counted
  instant invoked = 0;
  instant responded = never;
  /// That the answer states: of a get with a value that of the value, else that of the database; 0: none, or of another
  /// database than the first.
  std::uint64_t revision = 0;
  std::uint32_t wait_us = 0, hold_us = 0;
  std::uint32_t key = 0;
  std::uint32_t connection : 24 = 0;
  load::operation_kind kind : 3 = load::operation_kind::get;
  outcome known : 2 = outcome::unknown;
  bool was_present : 1 = false;  ///< what the answer shows of the value before
  bool has_timing : 1 = false;
  std::uint32_t part = 0;       ///< the first of its parts in the recorder
  std::uint16_t parts = 0;      ///< conditions, what a transaction puts; of an answered list or transaction its content
  bool to_the_end : 1 = false;  ///< of a list: there was no next page

  /// As the checker sees it; nothing for what changed nothing and shows nothing.
  [[nodiscard]] std::optional<operation> on_its_key() const;
  /// As the audit of the lock sees it; nothing unless the lock was granted.
  [[nodiscard]] std::optional<lock_use> of_lock() const;
};
static_assert(sizeof(recorded_request) == 56);

/// Stands for a body that is no value of this run.
constexpr value_number no_value_of_ours = absent - 2;

/// Keeps all requests of one thread of a run. A request is unknown until it is answered, so nothing is recorded when a
/// connection is lost. Not thread-safe.
class recorder {
 public:
  explicit recorder(std::uint64_t requests_max) : requests_max_(requests_max) {}

  /// Whether it is full, so that the run has to end.
  [[nodiscard]] bool is_full() const { return count_ >= requests_max_ || parts_.size() >= requests_max_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] recorded_request const& at(std::uint64_t number) const {
    return chunks_[number / chunk][number % chunk];
  }

  /// What starts every key of the run; set before the first answer.
  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }

  /// A request is about to be sent. @return its number
  std::uint64_t ask(load::planned_request const& what, std::uint32_t connection, load::time_point now);
  /// Its answer is there. `is_value` says whether the body can be a value of the key that was asked for.
  void answer(std::uint64_t number, answer_message const& answer, bool is_value, load::time_point now);

  /// By its id in the tags; nothing before the first.
  [[nodiscard]] std::optional<std::uint64_t> first_database() const { return database_; }
  /// Whether later tags were of another: the server was started anew without its data, or with a backup.
  [[nodiscard]] bool has_seen_another_database() const { return has_seen_another_; }
  /// Whether every answer that was one states its revision, so that the order of all can be checked.
  [[nodiscard]] bool states_revisions() const;
  /// Whether the key by itself says what a request did: no values that expire, no transactions.
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
  std::vector<std::unique_ptr<recorded_request[]>> chunks_;  // so that growing copies nothing while a run is measured
  std::deque<fact> parts_;
  std::string prefix_;
  load::shown_answer shown_;  // kept for its capacity
  std::optional<std::uint64_t> database_;
  bool has_seen_another_ = false;
};

}  // namespace holdfast::client::verify
