#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "client/load/report.hpp"

namespace holdfast::client::load {

/// Tells how a run goes while it goes: on a terminal one line that is written over, elsewhere a line for each second.
class progress {
 public:
  /// `out` is where to tell it, null for nowhere; it must outlive this.
  progress(std::FILE* out, bool is_terminal);

  void loading(std::uint32_t done, std::uint32_t of);
  void measuring(second_row const& row, nanoseconds duration);
  void note(std::string const& text);
  /// Takes the line off the terminal, so that the report starts on a clean one.
  void end();

 private:
  void show(std::string const& line, bool keep);

  std::FILE* out_;
  bool is_terminal_;
};

/// One second of a run as a line: `[####------]  4s/10s  29,511/s  p50 2.05 ms  p99 4.21 ms  errors 0  lock wait 12.0
/// %`.
[[nodiscard]] std::string progress_line(second_row const& row, nanoseconds duration, bool with_bar);

}  // namespace holdfast::client::load
