#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "client/load/random.hpp"
#include "client/load/zipfian.hpp"
#include "protocol/error.hpp"

namespace holdfast::client::load {

/// The constant of YCSB.
constexpr double zipfian_theta_default = 0.99;

/// How a run chooses its keys.
struct key_choice {
  enum class kind {
    uniform,     ///< all keys equally often
    zipfian,     ///< few keys most of the time; key 0 most often
    scrambled,   ///< like zipfian, with the popular keys scattered over all keys
    latest,      ///< newer keys more often: zipfian by age
    sequential,  ///< in order, then again from the first
  };

  kind of = kind::uniform;
  double theta = zipfian_theta_default;  ///< for zipfian, scrambled and latest

  bool operator==(key_choice const&) const = default;
};

/// Parses `uniform`, `sequential`, `zipfian`, `scrambled` or `latest`; the last three optionally with `:THETA`.
[[nodiscard]] protocol::result<key_choice> parse_key_choice(std::string_view text);
[[nodiscard]] std::string format_key_choice(key_choice const& choice);

/// The index of a thread within a run.
struct thread_place {
  std::uint32_t thread = 0;
  std::uint32_t threads = 1;
};

/// Chooses key numbers for one thread. The keys from 0 on exist at the start; inserted keys follow. Their numbers are
/// dealt to the threads in turn, so that no two threads insert the same key, and every thread knows its own. Only
/// `latest` chooses inserted keys: by age, those of its own thread that were answered (as in YCSB: those before the
/// first unanswered one), then those that existed at the start.
class key_chooser {
 public:
  /// `keys` exist at the start; earlier runs have used `inserted` keys after them.
  key_chooser(key_choice const& choice, std::uint32_t keys, thread_place place, std::uint32_t inserted = 0);

  [[nodiscard]] std::uint32_t choose(random_numbers& random);

  /// A new key.
  [[nodiscard]] std::uint32_t insert();
  /// Call when the insert of `key` was answered or has failed for good.
  void settle(std::uint32_t key, bool stored);
  /// True if `key` may be missing on the server because its insert failed.
  [[nodiscard]] bool may_be_missing(std::uint32_t key) const { return failed_.contains(key); }
  /// The number of keys whose insert this thread has begun.
  [[nodiscard]] std::uint32_t inserted() const { return inserted_; }

 private:
  [[nodiscard]] std::uint32_t number_of_insert(std::uint32_t index) const;

  key_choice choice_;
  std::uint32_t keys_;
  thread_place place_;
  std::uint32_t first_insert_;
  std::optional<zipfian> ranks_;
  std::uint32_t stride_ = 1;  ///< for scrambled: coprime to keys_, so that rank × stride reaches every key once
  std::uint32_t next_ = 0;    ///< for sequential
  std::uint32_t inserted_ = 0;
  std::uint32_t settled_ = 0;  ///< number of inserts before the first unanswered one
  std::deque<bool> later_;     ///< for the inserts from settled_ on: has an answer
  std::unordered_set<std::uint32_t> failed_;
};

}  // namespace holdfast::client::load
