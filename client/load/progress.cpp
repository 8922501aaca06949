#include "client/load/progress.hpp"

#include <algorithm>

#include "client/load/text.hpp"
#include "protocol/duration.hpp"

namespace holdfast::client::load {
namespace {

std::string bar(double share) {
  constexpr int width = 20;
  auto const filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * width + 0.5);
  return '[' + std::string(filled, '#') + std::string(width - filled, '-') + "] ";
}

}  // namespace

std::string progress_line(second_row const& row, nanoseconds duration, bool with_bar) {
  auto const passed = std::chrono::seconds(row.second + 1);
  std::string line;
  if (with_bar) line += bar(std::chrono::duration<double>(passed) / std::chrono::duration<double>(duration));
  line += to_right(std::to_string(row.second + 1), 3) + "s/" + protocol::format_duration(duration) + "  " +
          to_right(grouped(row.latency.count), 7) + "/s";
  if (row.latency.count != 0) {
    line += "  p50 " + to_left(readable(row.latency.p50), 7) + "  p99 " + to_left(readable(row.latency.p99), 7);
    if (auto const share = row.split.wait_share()) line += "  lock wait " + percent(*share);
  }
  if (row.errors != 0 || with_bar) line += "  errors " + grouped(row.errors);
  return line;
}

progress::progress(std::FILE* out, bool is_terminal) : out_(out), is_terminal_(is_terminal) {}

void progress::show(std::string const& line, bool keep) {
  if (out_ == nullptr) return;
  // Back to the first column and clear what stood there.
  if (is_terminal_) std::fputs("\r\x1b[2K", out_);
  std::fputs(line.c_str(), out_);
  if (keep || !is_terminal_) std::fputc('\n', out_);
  std::fflush(out_);
}

void progress::loading(std::uint32_t done, std::uint32_t of) {
  if (is_terminal_) show("storing keys " + grouped(done) + " of " + grouped(of), false);
}

void progress::measuring(second_row const& row, nanoseconds duration) {
  show(progress_line(row, duration, is_terminal_), false);
}

void progress::note(std::string const& text) {
  show(text, true);
}

void progress::end() {
  if (is_terminal_) show({}, false);
}

}  // namespace holdfast::client::load
