#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

#include "server/journal/journal.hpp"

namespace holdfast::tests {

/// Controls when and how the commits of a manual_journal complete. Must outlive the server with the journal.
/// Thread-safe.
class commit_control {
 public:
  /// Lets all commits complete at once, pending and future ones.
  void let_go();
  /// Makes every following commit wait.
  void hold();
  /// Completes one pending commit, or the next one.
  void let_one_go();
  /// Makes all commits fail, pending and future ones.
  void fail();
  /// Waits until a commit up to that change is pending or done. Throws std::runtime_error after a time limit.
  void await_commit(std::uint64_t sequence);

  void set_room(bool has_room);
  /// Makes journals from now on shared. Confirmations wait and fail as commits do.
  void share(bool reads_are_sure);
  [[nodiscard]] std::size_t commits() const;

 private:
  friend class manual_journal;
  [[nodiscard]] std::optional<server::journal_error> commit(std::span<server::change const> batch);
  [[nodiscard]] std::optional<server::journal_error> wait(std::unique_lock<std::mutex>& lock);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool holds_ = false, fails_ = false, has_room_ = true, is_shared_ = false, reads_are_sure_ = true;
  std::size_t passes_ = 0, commits_ = 0;
  std::uint64_t begun_ = 0;
};

/// A journal that stores nothing, with commits controlled by a test.
class manual_journal final : public server::journal {
 public:
  static constexpr std::uint64_t database = 0x1234;

  explicit manual_journal(commit_control& control) : control_(control) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "manual"; }
  void recover(visitor const& /*visit*/) override {}
  [[nodiscard]] server::journal_position position() const override { return position_; }
  [[nodiscard]] std::optional<server::journal_error> commit(std::span<server::change const> batch) override;
  [[nodiscard]] bool is_shared() const noexcept override { return control_.is_shared_; }
  [[nodiscard]] std::chrono::steady_clock::time_point sure_until() const noexcept override {
    using time_point = std::chrono::steady_clock::time_point;
    return control_.reads_are_sure_ ? time_point::max() : time_point::min();
  }
  [[nodiscard]] std::optional<server::journal_error> confirm() override;
  [[nodiscard]] bool has_room() override;
  [[nodiscard]] server::journal_figures figures() const override { return {}; }
  void close() override {}

 private:
  commit_control& control_;
  server::journal_position position_{.database = database, .sequence = 0, .revision = 0};
};

}  // namespace holdfast::tests
