#pragma once

#include <functional>
#include <initializer_list>

#include "server/loop/event_loop.hpp"
#include "server/loop/unique_descriptor.hpp"

namespace holdfast::server {

/// Delivers signals of the process on the loop's thread, using signalfd(2). The signals must be blocked in all threads:
/// the constructor blocks them in the calling thread, and threads started later inherit that, so construct it before
/// starting any other thread. The destructor leaves them blocked.
class signal_source final : private poll_source {
 public:
  /// @param on_signal called with the signal number. Pending signals with the same number may be reported once.
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
