#pragma once

#include <sys/types.h>

#include <chrono>
#include <ctime>
#include <optional>
#include <string>

namespace holdfast::client::load {

/// Reads the processor time of a process on this machine: user and system, of all its threads, also those that have
/// ended. Needs no permission. Thread-safe.
class process_clock {
 public:
  /// @return nothing when there is no such process.
  [[nodiscard]] static std::optional<process_clock> of(::pid_t pid);

  /// The processor time so far; nothing once the process has ended.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> now() const;
  /// What the system calls the process: the program's name, its first 15 bytes.
  [[nodiscard]] std::string const& name() const { return name_; }

 private:
  process_clock(::clockid_t id, std::string name) : clock_(id), name_(std::move(name)) {}

  ::clockid_t clock_;
  std::string name_;
};

}  // namespace holdfast::client::load
