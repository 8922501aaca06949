#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

#include "server/journal/journal.hpp"

namespace holdfast::tests {

/// When the commits of a manual_journal are done, and how; outlives the server that has the journal. Any thread.
class commit_control {
 public:
  /// Commits are done at once again, and those that wait now.
  void let_go();
  /// From now on each commit waits.
  void hold();
  /// One commit that waits is done, or the next.
  void let_one_go();
  /// From now on each commit fails, and those that wait now.
  void fail();
  /// Returns when a commit waits that goes up to that change, or when one has been done; throws std::runtime_error
  /// after a while.
  void await_commit(std::uint64_t sequence);

  void set_room(bool has_room);
  [[nodiscard]] std::size_t commits() const;

 private:
  friend class manual_journal;
  [[nodiscard]] std::optional<server::journal_error> commit(std::span<server::change const> batch);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool holds_ = false, fails_ = false, has_room_ = true;
  std::size_t passes_ = 0, commits_ = 0;
  std::uint64_t begun_ = 0;
};

/// A journal that keeps nothing, and whose commits a test steers.
class manual_journal final : public server::journal {
 public:
  static constexpr std::uint64_t database = 0x1234;

  explicit manual_journal(commit_control& control) : control_(control) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "manual"; }
  void recover(visitor const& /*visit*/) override {}
  [[nodiscard]] server::journal_position position() const override { return position_; }
  [[nodiscard]] std::optional<server::journal_error> commit(std::span<server::change const> batch) override;
  [[nodiscard]] bool has_room() override;
  [[nodiscard]] server::journal_figures figures() const override { return {}; }
  void close() override {}

 private:
  commit_control& control_;
  server::journal_position position_{.database = database, .sequence = 0, .revision = 0};
};

}  // namespace holdfast::tests
