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

  /// Lets store() write down the number of each key's value; `numbers` outlives it.
  void note_values(std::vector<std::uint64_t>& numbers) { first_values_ = &numbers; }
  /// Puts a value under every key. @return the first error; the rest is not tried then.
  awaitable<result<void>> store(report_progress report);
  /// Removes what store() stored and the `inserted` keys after them, as far as the server lets it.
  /// @return how many keys are left in it.
  awaitable<std::uint32_t> remove(std::uint32_t inserted);
  /// Lets store() end early, as if all were stored. From the io_context's thread.
  void stop() { stopped_ = true; }

 private:
  struct pass;

  awaitable<void> work(pass& batch);
  awaitable<void> run(pass& batch);

  executor on_;
  load_settings const& settings_;
  std::string prefix_;
  std::uint32_t stored_ = 0;
  std::vector<std::uint64_t>* first_values_ = nullptr;
  bool stopped_ = false;
};

}  // namespace holdfast::client::load
