#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "client/load/live_screen.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

/// Tells how a run goes while it goes: on a terminal one screen that is written over in place, elsewhere a line for
/// each second. Not thread-safe.
class progress {
 public:
  /// `out` is where to print it, null for nowhere; it must outlive this.
  progress(std::FILE* out, bool is_terminal);

  /// What the following is about: the run's number from 1, of how many.
  void begin(load_settings const& settings, unsigned run, unsigned runs);
  void loading(std::uint32_t done, std::uint32_t of);
  /// A second is over.
  void measuring(second_row const& row, nanoseconds duration);
  /// The time since the first request that counts was due; below 0 while it warms up.
  void at(nanoseconds passed);
  void note(std::string const& text);
  /// Takes the screen off the terminal, so that the report starts on a clean line.
  void end();

 private:
  void draw(std::vector<std::string> const& lines);
  void draw_state();

  std::FILE* out_;
  bool is_terminal_;
  live_state state_;
  std::vector<std::size_t> drawn_columns_;  ///< of each line of the screen as it stands there
};

/// What the terminal behind `out` can show, now: its size, and from the environment whether it has colours (NO_COLOR,
/// no-color.org) and UTF-8 (LC_ALL, LC_CTYPE, LANG).
[[nodiscard]] screen_style style_of(std::FILE* out);

/// One second of a run as a line: `  4s/10s   29,511/s  p50 2.05 ms  p99 4.21 ms  lock wait 12.0 %  errors 2`.
[[nodiscard]] std::string progress_line(second_row const& row, nanoseconds duration);

}  // namespace holdfast::client::load
