#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace holdfast::client::watch {

/// What `holdfast lock top` shows, as text: who holds, who waits, and who has made others wait since it began to look.
/// Fed by the lines of /v1/lock/events and of /v1/lock. One thread.
class lock_screen {
 public:
  /// Takes in an event. What is none is passed over.
  void take_event(std::string_view json);

  /// The screen for a state, as GET /v1/lock tells it. @param queue_lines so many waiters are listed at most.
  [[nodiscard]] std::string text(std::string_view state_json, std::size_t queue_lines) const;

 private:
  struct blamed {
    std::int64_t ns = 0;
    std::uint64_t waits = 0;
  };
  static constexpr std::size_t blamed_max = 10'000;  // sources come and go

  std::uint64_t requests_ = 0, waited_ = 0, dropped_ = 0;
  std::int64_t longest_wait_ns_ = 0, longest_hold_ns_ = 0;
  std::map<std::string, blamed> blame_;
};

}  // namespace holdfast::client::watch
