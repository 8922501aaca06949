#pragma once

#include <sys/types.h>

#include <chrono>
#include <ctime>
#include <optional>
#include <string>

namespace holdfast::client::load {

/// Reads the CPU time of a process on this machine: user and system, of all its threads, including ended ones. Needs no
/// permission. Thread-safe.
class process_clock {
 public:
  /// @return nullopt if there is no such process.
  [[nodiscard]] static std::optional<process_clock> of(::pid_t pid);

  /// The CPU time so far; nullopt once the process has ended.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> now() const;
  /// The process's name in the system: the first 15 bytes of the program's name.
  [[nodiscard]] std::string const& name() const { return name_; }

 private:
  process_clock(::clockid_t id, std::string name) : clock_(id), name_(std::move(name)) {}

  ::clockid_t clock_;
  std::string name_;
};

}  // namespace holdfast::client::load
