#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::client::watch {

/// Size of the screen: characters per line, and lines.
struct screen_size {
  std::size_t columns = 80;
  std::size_t lines = 24;
};

/// The text of `holdfast lock top`: who holds, who waits, and who has caused waits since it was started. Its input is
/// the lines of
/// /v1/lock/events and /v1/lock. One thread.
class lock_screen {
 public:
  static constexpr std::size_t queue_lines_max = 10;

  /// Processes an event; other text is ignored. The first event of a restarted server resets all figures.
  void take_event(std::string_view json);

  /// The screen for a state as in GET /v1/lock, with no more and no longer lines than fit. Long lines are cut; omitted
  /// list entries are counted. @param title the first line.
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

  std::string life_;  // the server process of the figures; empty: unknown
  bool was_restarted_ = false;
  std::uint64_t requests_ = 0, waited_ = 0, dropped_ = 0;
  std::int64_t longest_wait_ns_ = 0, longest_hold_ns_ = 0;
  std::map<std::string, blamed> blame_;
  blamed others_;  // only their sum is known
};

}  // namespace holdfast::client::watch
