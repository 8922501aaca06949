#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "client/connection.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

/// The keys of one run, under a prefix of their own, so that neither the writer nor other clients change them. Stored
/// before the run and removed after it, over a few connections of the typed client. Bound to one io_context.
class key_space {
 public:
  /// Called from time to time with the number of completed keys.
  using report_progress = std::function<void(std::uint32_t done)>;

  /// `settings` must outlive this object.
  key_space(executor on, load_settings const& settings);

  /// The prefix of every key: `load-`, eight random digits and a slash.
  [[nodiscard]] std::string const& prefix() const { return prefix_; }

  /// Lets store() record each key's value number and its revision, or 0 if the server reports none. Both vectors must
  /// outlive this object.
  void note_values(std::vector<std::uint64_t>& numbers, std::vector<std::uint64_t>& revisions) {
    first_values_ = &numbers;
    first_revisions_ = &revisions;
  }
  /// The highest revision reported to store(), and the part before the revision in the server's entity tags.
  [[nodiscard]] std::uint64_t stored_revision() const { return stored_revision_; }
  [[nodiscard]] std::uint64_t database() const { return database_; }
  /// Puts a value under every key. @return the first error, after which it stops.
  awaitable<result<void>> store(report_progress report);
  /// Removes what store() has stored, the `inserted` keys after them and the counters, as far as possible.
  /// @return the number of keys that could not be removed.
  awaitable<std::uint32_t> remove(std::uint32_t inserted);
  /// Ends store() early, without an error. On the io_context's thread only.
  void stop() { stopped_ = true; }

 private:
  struct pass;

  awaitable<void> work(pass& batch);
  void note(std::uint32_t number, answer const& stored);
  awaitable<void> run(pass& batch);

  executor on_;
  load_settings const& settings_;
  std::string prefix_;
  std::uint32_t stored_ = 0;
  std::vector<std::uint64_t>* first_values_ = nullptr;
  std::vector<std::uint64_t>* first_revisions_ = nullptr;
  std::uint64_t stored_revision_ = 0;
  std::uint64_t database_ = 0;
  bool stopped_ = false;
};

}  // namespace holdfast::client::load
