#pragma once

#include <functional>
#include <initializer_list>

#include "server/loop/event_loop.hpp"
#include "server/loop/unique_descriptor.hpp"

namespace holdfast::server {

/// Tells of signals sent to the process, on the loop's thread, by signalfd(2). Threads that don't block them might take
/// them first, so the constructor blocks them in the calling thread, and those started later inherit that: construct it
/// before any other thread. They stay blocked when it is destroyed.
class signal_source final : private poll_source {
 public:
  /// @param on_signal gets the number. Signals of one number that come before it is called may count as one.
  /// @throws std::system_error
  signal_source(event_loop& loop, std::initializer_list<int> signals, std::function<void(int)> on_signal);
  ~signal_source();
  signal_source(signal_source const&) = delete;
  signal_source& operator=(signal_source const&) = delete;

 private:
  void on_ready(std::uint32_t events) override;

  event_loop& loop_;
  std::function<void(int)> const on_signal_;
  unique_descriptor const descriptor_;
};

}  // namespace holdfast::server
