#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "client/load/live_screen.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

/// Shows the progress of a run: on a terminal as a screen that is redrawn in place, otherwise as one line per second.
/// Not thread-safe.
class progress {
 public:
  /// `out` is the output, or null for none; it must outlive this object.
  progress(std::FILE* out, bool is_terminal);

  /// Starts a run; `run` counts from 1.
  void begin(load_settings const& settings, unsigned run, unsigned runs);
  void loading(std::uint32_t done, std::uint32_t of);
  /// Call at the end of each second.
  void measuring(second_row const& row, nanoseconds duration);
  /// Sets the time since the first counted request was due; negative during the warm-up.
  void at(nanoseconds passed);
  void note(std::string const& text);
  /// Removes the screen from the terminal, so that the report starts on a clean line.
  void end();

 private:
  void draw(std::vector<std::string> const& lines);
  void draw_state();

  std::FILE* out_;
  bool is_terminal_;
  live_state state_;
  std::vector<std::size_t> drawn_columns_;  ///< widths of the lines currently on the screen
};

/// The current capabilities of the terminal `out`: its size, and from the environment colours (NO_COLOR, no-color.org)
/// and UTF-8 (LC_ALL, LC_CTYPE, LANG).
[[nodiscard]] screen_style style_of(std::FILE* out);

/// One second of a run as text: `  4s/10s   29,511/s  p50 2.05 ms  p99 4.21 ms  lock wait 12.0 %  errors 2`.
[[nodiscard]] std::string progress_line(second_row const& row, nanoseconds duration);

}  // namespace holdfast::client::load
