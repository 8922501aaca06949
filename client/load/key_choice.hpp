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

/// YCSB's constant.
constexpr double zipfian_theta_default = 0.99;

/// Which keys a run asks for.
struct key_choice {
  enum class kind {
    uniform,     ///< each as often as any other
    zipfian,     ///< few keys are asked for often; key 0 most
    scrambled,   ///< as zipfian, with the popular ones scattered over all keys
    latest,      ///< the newer, the more often: zipfian by age
    sequential,  ///< one after another, then from the first again
  };

  kind of = kind::uniform;
  double theta = zipfian_theta_default;  ///< of zipfian, scrambled and latest

  bool operator==(key_choice const&) const = default;
};

/// Reads `uniform`, `sequential`, `zipfian`, `scrambled` or `latest`; the latter three perhaps with `:THETA`.
[[nodiscard]] protocol::result<key_choice> parse_key_choice(std::string_view text);
[[nodiscard]] std::string format_key_choice(key_choice const& choice);

/// The place of one thread among those of a run.
struct thread_place {
  std::uint32_t thread = 0;
  std::uint32_t threads = 1;
};

/// Chooses the numbers of keys for one thread. The keys from 0 on are there from the start; inserted ones follow, dealt
/// to the threads in turn, so that no two threads insert the same and each can identify its own. Only `latest`
/// chooses inserted keys: those of its own thread that were answered (as YCSB: those before the first that was not), by
/// age, before those that were there from the start.
class key_chooser {
 public:
  /// `keys` are there from the start; `inserted` keys after them have been taken by earlier runs.
  key_chooser(key_choice const& choice, std::uint32_t keys, thread_place place, std::uint32_t inserted = 0);

  [[nodiscard]] std::uint32_t choose(random_numbers& random);

  /// A key that nobody has.
  [[nodiscard]] std::uint32_t insert();
  /// The answer to the insert of `key` has come, or never will.
  void settle(std::uint32_t key, bool stored);
  /// Whether `key` may be missing in the server since its insert failed.
  [[nodiscard]] bool may_be_missing(std::uint32_t key) const { return failed_.contains(key); }
  /// How many keys this thread has inserted or tried to.
  [[nodiscard]] std::uint32_t inserted() const { return inserted_; }

 private:
  [[nodiscard]] std::uint32_t number_of_insert(std::uint32_t index) const;

  key_choice choice_;
  std::uint32_t keys_;
  thread_place place_;
  std::uint32_t first_insert_;
  std::optional<zipfian> ranks_;
  std::uint32_t stride_ = 1;  ///< of scrambled: coprime to keys_, so that rank × stride reaches every key once
  std::uint32_t next_ = 0;    ///< of sequential
  std::uint32_t inserted_ = 0;
  std::uint32_t settled_ = 0;  ///< of the inserts: how many before the first without an answer
  std::deque<bool> later_;     ///< whether those from settled_ on have an answer
  std::unordered_set<std::uint32_t> failed_;
};

}  // namespace holdfast::client::load
