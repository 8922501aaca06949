#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/store/operation.hpp"

namespace holdfast::server {

/// A simple model of the database: a std::map that is copied before each transaction. It shares only the operations
/// with the database, and describes outcomes in the form of describe().
class database_model {
 public:
  struct entry {
    std::string value;
    std::uint64_t revision = 0;
    expiry_time expires = no_expiry;

    bool operator==(entry const&) const = default;
  };
  using entries = std::map<std::string, entry>;

  explicit database_model(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  /// Sets the time to `now` and removes expired keys.
  void at(expiry_time now);
  std::string apply(data_operation const& operation);

  [[nodiscard]] entries const& all() const noexcept { return state_.all; }
  [[nodiscard]] std::uint64_t revision() const noexcept { return state_.revision; }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return state_.sequence; }
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] expiry_time next_expiry() const;
  [[nodiscard]] expiry_time now() const noexcept { return now_; }

 private:
  struct state {
    entries all;
    std::uint64_t revision = 0;
    std::uint64_t sequence = 0;
  };

  std::string run(get_operation const& get);
  std::string run(put_operation const& put);
  std::string run(delete_operation const& del);
  std::string run(touch_operation const& touch);
  std::string run(increment_operation const& increment);
  std::string run(patch_operation const& patch);
  std::string run(list_operation const& list);
  std::string run(delete_range_operation const& range);
  std::string run(transaction const& all);
  std::string run(import_operation const& import);
  std::string run(expire_operation const&) { return "expired"; }
  /// Named locks have tests of their own.
  std::string run(ticket_operation const&) { return "of a lock"; }
  std::string run(list_locks_operation const&) { return "of a lock"; }
  std::string run(show_lock_operation const&) { return "of a lock"; }
  std::string run(std::shared_ptr<guarded_operation const> const& one) { return apply(one->operation); }
  std::string run(std::shared_ptr<idempotent_operation const> const& one) { return apply(one->operation); }

  std::string unmet(conditions_pointer const& when, std::string const& key, bool reads) const;
  std::string store(std::string const& key, std::string const& value, expiry_time expires);
  void remove(std::string const& key);
  [[nodiscard]] expiry_time expiry_of(time_to_live const& ttl, expiry_time present) const;

  std::uint64_t const bytes_max_;
  expiry_time now_{};
  state state_;
};

/// A text function that tests can predict: appends a digit to an integer of fewer than four digits, and refuses others.
[[nodiscard]] text_function_pointer make_appending_patch();
/// The function of a check: returns its input if it equals `text`.
[[nodiscard]] text_function_pointer make_text_comparison(std::string text);

/// Computes the required texts until the operation is done.
template <class Database>
data_outcome apply_with_texts(Database& data, data_operation const& operation) {
  for (;;) {
    auto outcome = data.apply(operation);
    auto* const wanted = std::get_if<text_wanted>(&outcome);
    if (wanted == nullptr) return outcome;
    while (wanted->function->compute_some(wanted->input)) {
    }
  }
}

/// An outcome in one line.
[[nodiscard]] std::string describe(data_outcome const& outcome);

}  // namespace holdfast::server
