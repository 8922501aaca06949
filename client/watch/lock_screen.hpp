#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::client::watch {

/// Of what is shown: characters in a line, and lines.
struct screen_size {
  std::size_t columns = 80;
  std::size_t lines = 24;
};

/// What `holdfast lock top` shows, as text: who holds, who waits, and who has made others wait since it began to look.
/// Fed by the lines of /v1/lock/events and of /v1/lock. One thread.
class lock_screen {
 public:
  static constexpr std::size_t queue_lines_max = 10;

  /// Takes in an event. What is none is passed over. With the first one of a server that was restarted, all figures
  /// begin again.
  void take_event(std::string_view json);

  /// The screen for a state, as GET /v1/lock shows it: no more and no longer lines than fit. What is too much for them
  /// is cut off, and counted where it is a list. @param title stands first.
  [[nodiscard]] std::vector<std::string> lines(std::string_view title, std::string_view state_json,
                                               screen_size size) const;

 private:
  struct blamed {
    std::int64_t ns = 0;
    std::uint64_t waits = 0;
  };
  using named_blame = std::pair<std::string, blamed>;
  static constexpr std::size_t blamed_max = 10'000;  // sources come and go

  void blame(std::string name, std::int64_t ns);
  [[nodiscard]] std::vector<named_blame> worst(std::size_t most) const;

  std::string life_;  // which process of the server the figures are of; empty: not known
  bool was_restarted_ = false;
  std::uint64_t requests_ = 0, waited_ = 0, dropped_ = 0;
  std::int64_t longest_wait_ns_ = 0, longest_hold_ns_ = 0;
  std::map<std::string, blamed> blame_;
  blamed others_;  // of whom only the sum is known
};

}  // namespace holdfast::client::watch
