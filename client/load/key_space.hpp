#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "client/connection.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

/// The keys of one run: under a prefix of their own, so that neither the writer nor another client touches them. They
/// are stored before a run and removed after it, over a few connections of the typed client. Lives on one io_context.
class key_space {
 public:
  /// Called now and then with how many keys are done.
  using report_progress = std::function<void(std::uint32_t done)>;

  /// `settings` outlives this.
  key_space(executor on, load_settings const& settings);

  /// What every key starts with: `load-` and eight random digits, then a slash.
  [[nodiscard]] std::string const& prefix() const { return prefix_; }

  /// Lets store() write down the number of each key's value and its revision, 0 where the server states none; both
  /// outlive it.
  void note_values(std::vector<std::uint64_t>& numbers, std::vector<std::uint64_t>& revisions) {
    first_values_ = &numbers;
    first_revisions_ = &revisions;
  }
  /// The highest revision that store() was told, and what stands before it in the server's entity tags.
  [[nodiscard]] std::uint64_t stored_revision() const { return stored_revision_; }
  [[nodiscard]] std::uint64_t database() const { return database_; }
  /// Puts a value under every key. @return the first error; the rest is not tried then.
  awaitable<result<void>> store(report_progress report);
  /// Removes what store() stored, the `inserted` keys after them and the counters, as far as the server lets it.
  /// @return how many keys are left in it.
  awaitable<std::uint32_t> remove(std::uint32_t inserted);
  /// Lets store() end early, as if all were stored. From the io_context's thread.
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
